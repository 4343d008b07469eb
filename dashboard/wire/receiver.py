"""A client's messages, handled one after the other in the order they came.

Owns: that order, and who handles a message: a taker inside the hub (`takers.py`), or the application in a greenlet that is
there only while messages wait. Leaves to others: what a message is (`engine_socket.py`), events (python-socketio).
"""

import logging
from collections import deque

from dashboard.wire import frames
from dashboard.wire.connection import Connection
from dashboard.wire.frames import frame
from dashboard.wire.shared import Shared
from dashboard.wire.takers import EVENT

log = logging.getLogger(__name__)

Message = str | bytes


class _GivenBack(str):
    """An event that its taker took and then left to the application."""

    __slots__ = ()


class _End:
    """Comes behind the last message."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Receiver(Connection):
    """`sid` is the client's name in Engine.IO."""

    __slots__ = ("_flying", "_inbox", "_inbox_bytes", "shared", "sid")

    def __init__(self, shared: Shared, sid: str) -> None:
        super().__init__(shared.poller, shared.most)
        self.shared = shared
        self.sid = sid
        self._flying = False  # an event was taken and is not yet answered
        self._inbox: deque[Message | _End] | None = None  # None: nothing waits, no greenlet is there
        self._inbox_bytes = 0

    def tell_end(self, reason: str) -> None:
        """In a greenlet, behind all messages: the application hears of the end."""
        raise NotImplementedError

    def receive(self, message: Message) -> None:
        """A message came. Does not block."""
        if self._inbox is None and not self._flying and self._taken(message):
            return
        limits = self.poller.limits
        inbox = self._put(message)
        if len(inbox) > limits.inbox_most:
            self.end("transport error", frames.TRY_LATER, "too many events wait to be handled")
        elif len(inbox) >= limits.inbox or self._inbox_bytes >= limits.inbox_bytes:
            self.pause(True)

    def ended(self, reason: str) -> None:
        """The connection has ended; what came before is still handled."""
        self._put(_End(reason))

    def _put(self, message: Message | _End, *, first: bool = False) -> deque[Message | _End]:
        inbox = self._inbox
        if inbox is None:
            inbox = self._inbox = deque()
            if not self._flying:
                self.shared.tasks.add(self._drain)
        if first:
            inbox.appendleft(message)
        else:
            inbox.append(message)
        if not isinstance(message, _End):
            self._inbox_bytes += len(message)
            self.poller.hold(self, len(message))
        return inbox

    def _taken(self, message: Message) -> bool:
        """Whether a taker answers this message, or has."""
        takers = self.shared.takers
        if not takers or type(message) is not str or not (match := EVENT.match(message)):
            return False
        id, text, name = match.groups()
        taker = takers.get(name)
        viewer = self.shared.viewer(self.sid) if taker else None
        if taker is None or viewer is None:
            return False
        answered = False

        def reply(answer: bytes | None) -> None:
            nonlocal answered
            if answer is None:
                self._put(_GivenBack(message), first=True)
            elif id:
                self.write(frame(b"43%b[%b]" % (id.encode(), answer)))
            answered = True
            if self._flying:
                self._flying = False
                if self._inbox is not None:
                    self.shared.tasks.add(self._drain)

        try:
            taken = taker(viewer, text, reply)
        except Exception:
            log.exception("the taker of %s failed", name)
            return False
        self._flying = taken and not answered
        return taken

    def _drain(self) -> None:
        """In a greenlet: handle what waits, up to an event that a taker answers later."""
        inbox, limits = self._inbox, self.poller.limits
        try:
            while inbox and not self._flying:
                message = inbox.popleft()
                if isinstance(message, _End):
                    self.tell_end(message.reason)
                    continue
                self._inbox_bytes -= len(message)
                self.poller.hold(self, -len(message))
                if not self._taken(message):
                    self.shared.eio._trigger_event("message", self.sid, message, run_async=False)
                if len(inbox) < limits.inbox // 2 and self._inbox_bytes < limits.inbox_bytes // 2:
                    self.pause(False)
                if not self._flying:  # its answer, if it came meanwhile, would begin to handle what waits beside us
                    self.shared.tasks.breathe()
        finally:
            if not inbox:
                self._inbox = None
            elif not self._flying:  # a handler failed; the others are still to be handled
                self.shared.tasks.add(self._drain)
