"""All connections in one epoll, whose own descriptor is a single listener of eventlet's hub: no greenlet per connection.

Owns: readiness, the clock's ticks, the cap, the budget of what waits in buffers, corking, and who is stuck. Leaves to
others: bytes (`connection.py`), and what connections are for.

What runs here runs inside the hub: it must not block, and an exception would end the listener. So each call into a
connection is guarded, and costs that connection only.
"""

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from select import POLLERR, POLLHUP, POLLIN, POLLOUT
from time import monotonic
from typing import Protocol

from eventlet import hubs, patcher

from dashboard.wire.deadlines import Deadlines
from dashboard.wire.limits import WireLimits

log = logging.getLogger(__name__)

TICK_S = 0.5
EVENTS = 256
"""Handled in one go, before anybody else has his turn."""
SLICE_S = 0.002
"""So long connections are served before others have their turn: some always have something to say."""
LINGER_S = 3.0
"""For the other side to close, after it was told to."""


class Connection(Protocol):
    """What is served here. `held`: bytes in its buffers; `moved`: when its socket last took something."""

    fd: int
    closing: bool
    held: int
    moved: float

    def readable(self) -> None: ...
    def flush(self) -> None: ...
    def put(self, data: bytes) -> None: ...
    def overflow(self) -> None: ...
    def lost(self, reason: str) -> None: ...
    def release(self) -> None: ...


class Queue(Protocol):
    """Things that fall due: `run(most)` acts on so many at most and says whether there are more."""

    def run(self, most: int) -> bool: ...


class Poller:
    """`connections` by descriptor. Costs nothing before `add` is called for the first time."""

    def __init__(self, limits: WireLimits) -> None:
        self.limits = limits
        self.clock = monotonic
        self.connections: dict[int, Connection] = {}
        self.waiting: set[Connection] = set()
        """Whose socket takes no more just now."""
        self.held = 0
        """Bytes in all buffers."""
        self.replaced = 0
        """Frames that a newer one took the place of."""
        self.corked: dict[Connection, list[bytes]] | None = None
        self._lingering: Deadlines[Connection] = Deadlines(LINGER_S, lambda gone: gone.release(), monotonic)
        self._queues: list[Queue] = [self._lingering]
        self._epoll = patcher.original("select").epoll()
        self._found: deque[tuple[int, int]] = deque()  # ready, and not served yet
        self._started = False

    @property
    def full(self) -> bool:
        return len(self.connections) >= self.limits.connections

    def tick(self, queue: Queue) -> None:
        """Look at a queue every TICK_S."""
        self._queues.append(queue)

    def add(self, connection: Connection) -> None:
        """Serve a connection from now on. Call it in the thread of the hub that is to serve it."""
        if not self._started:
            self._start()
        self.connections[connection.fd] = connection
        self._epoll.register(connection.fd, POLLIN)

    def remove(self, connection: Connection) -> None:
        """Forget a connection; its descriptor is still open."""
        self.connections.pop(connection.fd, None)
        self.waiting.discard(connection)
        if self.corked is not None:
            self.corked.pop(connection, None)
        try:
            self._epoll.unregister(connection.fd)
        except OSError:
            log.debug("descriptor %d was not watched", connection.fd)

    def watch(self, connection: Connection, *, read: bool, write: bool) -> None:
        self._epoll.modify(connection.fd, POLLIN * read | POLLOUT * write)

    def linger(self, connection: Connection) -> None:
        """Release a connection in a while, if it has not ended by itself."""
        self._lingering.add(connection)

    def hold(self, connection: Connection, size: int) -> None:
        """So many bytes more (or fewer) wait in a connection's buffers. Over the budget, who holds most has to go."""
        if connection.fd < 0:
            return
        connection.held += size
        self.held += size
        if size > 0 and self.held > self.limits.total_bytes:
            most = max(self.connections.values(), key=lambda each: each.held, default=connection)
            log.warning("connections: %d bytes wait in buffers; the one that holds most is closed", self.held)
            most.overflow()

    @contextmanager
    def cork(self) -> Iterator[None]:
        """Join what is written to each connection meanwhile, into one call of the kernel each. Do not switch inside."""
        if self.corked is not None:
            yield
            return
        self.corked = {}
        try:
            yield
        finally:
            corked, self.corked = self.corked, None
            for connection, frames in corked.items():
                connection.put(frames[0] if len(frames) == 1 else b"".join(frames))

    def _start(self) -> None:
        self._started = True
        hub = hubs.get_hub()
        listener = hub.add(hub.READ, self._epoll.fileno(), self._ready, lambda _: None, lambda: None)
        listener.greenlet = hub.greenlet  # not the one that happened to come first
        hub.schedule_call_global(TICK_S, self._tick)

    def _ready(self, _: int) -> None:
        """Serve what is ready, and what becomes so meanwhile, for SLICE_S; who had to wait is first next time."""
        until = monotonic() + SLICE_S
        while monotonic() < until:
            if not self._found:
                self._found.extend(self._epoll.poll(0, EVENTS))
                if not self._found:
                    return
            self._serve(*self._found.popleft())

    def _serve(self, fd: int, event: int) -> None:
        connection = self.connections.get(fd)
        if connection is None:
            return
        try:
            if event & POLLOUT:
                connection.flush()
            if event & (POLLIN | POLLERR | POLLHUP) and connection.fd == fd:
                connection.readable()
        except Exception:
            log.exception("a connection failed")
            self._end(connection)

    def _tick(self) -> None:
        more = False
        try:
            for queue in self._queues:
                more = queue.run(EVENTS) or more
            self._close_the_stuck()
        except Exception:
            log.exception("a tick failed")
        hubs.get_hub().schedule_call_global(0.002 if more else TICK_S, self._tick)

    def _close_the_stuck(self) -> None:
        if self.waiting:
            since = self.clock() - self.limits.slow_s
            for connection in [each for each in self.waiting if each.moved < since and not each.closing]:
                connection.overflow()

    def _end(self, connection: Connection) -> None:
        try:
            connection.lost("transport error")
        except Exception:
            log.exception("a connection did not end")
            connection.release()
