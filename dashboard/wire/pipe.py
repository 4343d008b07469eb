"""One Redis connection for many callers: calls of scripts go out as they come, replies are handed out in that order.

Owns: sending and receiving in the event loop, time limits, reconnecting, teaching the server a script it has lost. Leaves
to others: addresses and sign-in (`dial` is handed in), which script, what a reply means. A connection that has lost its
place is closed and each of its callers told so: no reply ever reaches another caller.
"""

import hashlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import eventlet
import hiredis
from eventlet import hubs

log = logging.getLogger(__name__)

CHUNK = 1 << 18
AGAIN_S = 0.1
"""After so long a connection that broke is dialled again, and after each failure twice as long, up to AGAIN_MAX_S."""
AGAIN_MAX_S = 1.0
Done = Callable[[Any], None]


class Line(Protocol):
    """A connection that is open and signed in."""

    @property
    def socket(self) -> Any: ...
    def close(self) -> None: ...


class _Call(NamedTuple):
    source: str
    tail: bytes
    length: int
    until_s: float
    done: Done


class Pipe:
    """Calls over one connection. `scripts`: name -> source. `as_error`: the exception for Redis' error text.

    `dial` opens a connection; it may block its greenlet, and raise. All else runs in the hub and never blocks.
    """

    def __init__(
        self,
        dial: Callable[[], Line],
        scripts: Mapping[str, str],
        as_error: Callable[[str], Exception],
        *,
        timeout_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dial = dial
        self._scripts = {name: (text, _bulk([_sha(text)])) for name, text in scripts.items()}
        self._as_error = as_error
        self._timeout_s = timeout_s
        self._clock = clock
        self._line: Line | None = None
        self._calls: deque[_Call] = deque()
        self._out: list[bytes] = []
        self._tail = b""
        self._reader: Any = None
        self._listeners: list[Any] = []
        self._watch: Any = None
        self._open = True

    @property
    def ready(self) -> bool:
        """Whether a call can be made."""
        return self._line is not None

    def start(self) -> None:
        """Connect in the background, and again whenever the connection breaks."""
        eventlet.spawn_n(self._connect)

    def stop(self) -> None:
        """Close the connection, for good."""
        self._open = False
        self._lose(ConnectionError("closed"))

    def call(self, script: str, keys: Sequence[str], args: Iterable[str | int], done: Done) -> None:
        """Call a script at the next `push`. `done` gets the reply, or an exception: Redis' own error, or ConnectionError
        where the connection broke or was silent for `timeout_s`; the call may then have been run. Only while `ready`.
        """
        source, sha = self._scripts[script]
        parts = [len(keys), *keys, *args]
        call = _Call(source, _bulk(parts), len(parts) + 2, self._clock() + self._timeout_s, done)
        self._out.append(b"*%d\r\n$7\r\nEVALSHA\r\n%b%b" % (call.length, sha, call.tail))
        self._calls.append(call)

    def push(self) -> None:
        """Send what was called."""
        if self._line is None or not self._out:
            return
        data = b"".join((self._tail, *self._out))
        waits, self._out = self._tail != b"", []
        if self._watch is None:
            self._watch = hubs.get_hub().schedule_call_global(self._timeout_s, self._look)
        if waits:
            self._tail = data
            return
        try:
            sent = self._line.socket.fd.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(error)
            return
        self._tail = data[sent:]
        if self._tail:
            hub = hubs.get_hub()
            self._listeners.append(
                hub.add(hub.WRITE, self._line.socket.fileno(), self._on_write, self._thrown, _nothing)
            )

    def _on_write(self, _: int) -> None:
        if self._line is None or len(self._listeners) < 2:
            return
        try:
            sent = self._line.socket.fd.send(self._tail)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        self._tail = self._tail[sent:]
        if not self._tail:
            hubs.get_hub().remove(self._listeners.pop())

    def _on_read(self, _: int) -> None:
        line, reader = self._line, self._reader
        if line is None:
            return
        try:
            data = line.socket.fd.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if not data:
            self._lose(ConnectionError("Redis closed the connection"))
            return
        reader.feed(data)
        while self._line is line:
            try:
                reply = reader.gets()
            except hiredis.ProtocolError as error:
                self._lose(error)
                return
            if reply is False:
                break
            if not self._calls:
                self._lose(ConnectionError("a reply that nobody asked for"))
                return
            self._hand_out(self._calls.popleft(), reply)
        self.push()

    def _hand_out(self, call: _Call, reply: Any) -> None:
        if isinstance(reply, hiredis.ReplyError):
            text = str(reply)
            if text.startswith("NOSCRIPT"):  # nothing was run; EVAL runs it and teaches it
                self._out.append(b"*%d\r\n$4\r\nEVAL\r\n%b%b" % (call.length, _bulk([call.source]), call.tail))
                self._calls.append(call)
                return
            reply = self._as_error(text)
        _tell(call, reply)

    def _look(self) -> None:
        """The oldest call's time is up, or not yet."""
        self._watch = None
        if not self._calls:
            return
        left_s = self._calls[0].until_s - self._clock()
        if left_s <= 0:
            self._lose(ConnectionError("Redis is silent"))
        else:
            self._watch = hubs.get_hub().schedule_call_global(left_s, self._look)

    def _lose(self, error: Exception) -> None:
        """The connection is of no use any more: everybody who waits for it is told."""
        line, self._line = self._line, None
        if line is None:
            return
        for listener in self._listeners:
            hubs.get_hub().remove(listener)
        calls, self._calls = self._calls, deque()
        self._listeners, self._out, self._tail = [], [], b""
        line.close()
        if self._open:
            log.warning("the Redis connection of the hot lane broke: %s", error)
            self.start()
        for call in calls:
            _tell(call, ConnectionError(str(error)))

    def _connect(self) -> None:
        again_s = AGAIN_S
        while self._open and self._line is None:
            try:
                line = self._dial()
            except Exception as error:  # whatever it is, there is no connection
                log.debug("no Redis connection for the hot lane: %s", error)
                eventlet.sleep(again_s)
                again_s = min(2 * again_s, AGAIN_MAX_S)
                continue
            hub = hubs.get_hub()
            self._reader = hiredis.Reader()
            self._listeners = [hub.add(hub.READ, line.socket.fileno(), self._on_read, self._thrown, _nothing)]
            self._line = line

    def _thrown(self, error: Exception) -> None:
        """The hub says that the descriptor is another's by now."""
        self._lose(error)


def _tell(call: _Call, reply: Any) -> None:
    try:
        call.done(reply)
    except Exception:  # it must not cost the others their replies
        log.exception("a reply was not taken")


def _sha(script: str) -> str:
    return hashlib.sha1(script.encode()).hexdigest()


def _nothing() -> None:
    """The hub marks the descriptor as closed; we notice by ourselves."""


def _bulk(parts: Iterable[str | int]) -> bytes:
    """The parts of a command as RESP, without its first line."""
    texts = [part if type(part) is str else str(part) for part in parts]
    whole = "".join([f"${len(text)}\r\n{text}\r\n" for text in texts])
    if not whole.isascii():  # lengths are those of bytes
        whole = "".join([f"${len(text.encode())}\r\n{text}\r\n" for text in texts])
    return whole.encode()
