"""Connections that belong to a session: they end with it, at every process.

Owns: which connection belongs to which session, hearing of ends, and a sweep that finds what was not heard: a message lost
while Redis restarts, a session whose time ran out. Leaves to others: the sessions, connections (handed in).
"""

import logging
from collections.abc import Callable, Iterable
from threading import Event, Lock

from dashboard.errors import StoreUnavailable
from dashboard.live.view import Frame
from dashboard.store import keys
from dashboard.store.channel import Subscription
from dashboard.store.client import Client

log = logging.getLogger(__name__)

SWEEP_S = 2.0
NOTICE: Frame = {"code": "session-ended", "detail": "You are signed out: this session has ended."}


class SessionSockets:
    """`alive(handles)` says which sessions have not ended; `emit` and `close(connection)` reach the connections.

    `run` sweeps; `subscription.run` hears.
    """

    def __init__(
        self,
        client: Client,
        alive: Callable[[Iterable[str]], set[str]],
        emit: Callable[[str, Frame, str], None],
        close: Callable[[str], None],
    ) -> None:
        self._alive = alive
        self._emit = emit
        self._close = close
        self._lock = Lock()
        self._of_session: dict[str, set[str]] = {}
        self._session_of: dict[str, str] = {}
        self._wake = Event()
        self._stop = Event()
        self.subscription = Subscription(client, lambda _, handle: self.end(handle), lambda _: self._wake.set())
        self.subscription.add(keys.SESSIONS_ENDED, timeout_s=0)

    def join(self, connection: str, handle: str) -> None:
        """A connection came with this session's cookie. One whose session is no more stays, as nobody's. One round trip."""
        with self._lock:  # before asking: an end in between is heard
            self._session_of[connection] = handle
            self._of_session.setdefault(handle, set()).add(connection)
        try:
            if not self._alive([handle]):
                self.leave(connection)
        except StoreUnavailable:
            pass  # the sweep will know

    def leave(self, connection: str) -> None:
        """A connection has ended, or belongs to nobody."""
        with self._lock:
            handle = self._session_of.pop(connection, "")
            connections = self._of_session.get(handle, set())
            connections.discard(connection)
            if not connections:
                self._of_session.pop(handle, None)

    def end(self, handle: str) -> None:
        """Tell the session's connections and close them."""
        with self._lock:
            connections = self._of_session.pop(handle, set())
            for connection in connections:
                del self._session_of[connection]
        for connection in connections:
            try:
                self._emit("notice", NOTICE, connection)
                self._close(connection)
            except Exception:  # the others must end all the same
                log.exception("sessions: a connection did not close")

    def run(self) -> None:
        """Sweep until `stop`."""
        while not self._stop.is_set():
            self._wake.wait(SWEEP_S)
            self._wake.clear()
            try:
                self.sweep()
            except StoreUnavailable:
                continue  # nobody is signed out because Redis is away
            except Exception:
                log.exception("sessions: a sweep failed; the next one tries again")

    def sweep(self) -> None:
        """End the connections of sessions that are no more. One round trip, none where there are no such connections."""
        with self._lock:
            handles = list(self._of_session)
        if handles:
            for handle in set(handles) - self._alive(handles):
                self.end(handle)

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
