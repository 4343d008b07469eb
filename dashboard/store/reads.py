"""Reading again and again: many commands in one trip, on a connection that is not asked each time whether it still lives.

Owns: its connections, one for each caller that reads at the same time. Leaves to others: which commands, and what their
replies mean. Only for commands that change nothing: where a connection turns out to be gone, they are sent again on another.

A pipeline of redis-py costs ten times as much: its pool lets the event loop look at the connection before each use, and
replies are read one by one.
"""

import weakref
from collections import deque
from collections.abc import Sequence
from typing import Any, TypeAlias

import hiredis
import redis

from dashboard.store.client import Client, Line, as_error, dial

CHUNK = 1 << 18

Command: TypeAlias = tuple[str | bytes | int, ...]


class Reads:
    """`client` says where, and how long to wait. Opens nothing until the first `ask`; any thread may call it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._free: deque[Line] = deque()
        weakref.finalize(self, _close, self._free)

    def ask(self, commands: Sequence[Command], *, raising: bool = True) -> list[Any]:
        """The replies in order, as bytes, numbers and lists, in one round trip; none for no commands.

        Raises what redis-py raises; what Redis says of one command too, unless not `raising`: then it stands in its place.
        """
        if not commands:
            return []
        data = b"".join([hiredis.pack_command(each) for each in commands])  # type: ignore[arg-type]  # it names one part only
        replies = self._trip(data, len(commands))
        for n, reply in enumerate(replies):
            if isinstance(reply, hiredis.ReplyError):
                replies[n] = error = as_error(str(reply))
                if raising:
                    raise error
        return replies

    def _trip(self, data: bytes, count: int) -> list[Any]:
        while True:
            try:
                line, is_new = self._free.pop(), False
            except IndexError:
                line, is_new = dial(self._client), True
            try:
                replies = _replies(line, data, count)
            except TimeoutError as error:
                line.close()
                raise redis.TimeoutError("Timeout reading from socket") from error
            except (OSError, hiredis.ProtocolError) as error:
                line.close()
                if is_new:
                    raise redis.ConnectionError(str(error)) from error
            except BaseException:  # its replies are still to come
                line.close()
                raise
            else:
                self._free.append(line)
                return replies


def _close(lines: deque[Line]) -> None:
    for line in lines:
        line.close()


def _replies(line: Line, data: bytes, count: int) -> list[Any]:
    """Raises OSError, hiredis.ProtocolError."""
    line.socket.sendall(data)
    reader = hiredis.Reader()
    replies: list[Any] = []
    while len(replies) < count:
        came = line.socket.recv(CHUNK)
        if not came:
            raise ConnectionError("Connection closed by server")
        reader.feed(came)
        while (reply := reader.gets()) is not False:
            replies.append(reply)
    return replies
