"""A bad network: a TCP proxy that cuts, delays and swallows what passes, and ends connections in every way there is.

Owns: bytes on their way, and the account of what was done to them. Leaves to others: the server behind it, and what clients
make of it.

Each connection has a fate of its own, drawn from the seed and its number:

- its bytes are passed on in pieces cut anywhere, some of them late, and once perhaps nothing for a while;
- after some time it is closed, reset, torn in the middle of what is being said, or silent: half-open, in one direction or
  both. There nothing arrives any more, no FIN and no RST either, so neither side is told of the other's end.
- frames of changed rows may be left out. TCP never does that; it is how clients show that they would see it.
"""

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

CHUNK = 4096
ENDS = ("closed", "reset", "torn up", "torn down", "silent up", "silent down", "silent")
CHANGED_ROWS = b'"full":false'
WEBSOCKET = b"HTTP/1.1 101 "

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Faults:
    """`lives_s`: after how long a connection ends, from and to; None: never. `late`, `stalls`: the share of pieces that come
    late, and of connections that stand still once. `swallow`: the share of frames of changed rows that are left out.
    """

    lives_s: tuple[float, float] | None = (0.0, 1.5)
    ends: tuple[str, ...] = ENDS
    late: float = 0.1
    stalls: float = 0.15
    swallow: float = 0.0


CALM = Faults(lives_s=None, late=0.0, stalls=0.0)


class Network:
    """From `with` to its end, in a thread of its own. Clients connect to `url`. `ended` counts the connections that it has
    ended, by how.
    """

    def __init__(self, server_url: str, seed: int, faults: Faults = CALM) -> None:
        self.port = int(server_url.rpartition(":")[2])
        self.faults = faults
        self.ended = Counter(dict.fromkeys(ENDS, 0))
        self.accepted = self.swallowed = 0
        self._seed = seed
        self._lines: set[_Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def become(self, faults: Faults) -> None:
        """Do this to all connections from now on."""
        self._do(self._become(faults))

    def silence(self) -> int:
        """Make a half-open connection of each that there is; how many."""
        return self._do(self._silence())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _become(self, faults: Faults) -> None:
        self.faults = faults
        for line in self._lines:
            line.suffer(faults)

    async def _silence(self) -> int:
        for line in self._lines:
            line.silence()
        return len(self._lines)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        chance = random.Random(f"{self._seed} {self.accepted}")
        try:
            far, server = await self._dial()
        except OSError:
            _abort(writer)
            return
        line = _Line(self, chance, server, writer)
        line.suffer(self.faults)
        self._lines.add(line)
        try:
            await line.serve(reader, far)
        finally:
            self._lines.discard(line)

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK)  # who stands still is noticed soon
        raw.setblocking(False)
        try:
            await self._loop.sock_connect(raw, ("127.0.0.1", self.port))
            return await asyncio.open_connection(sock=raw, limit=CHUNK)
        except OSError:
            raw.close()
            raise

    async def _open(self) -> str:
        def accept(*streams: Any) -> None:
            self._tasks.add(task := self._loop.create_task(self._accept(*streams)))
            task.add_done_callback(self._tasks.discard)

        self._server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=CHUNK)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.url = self._do(self._open())
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class _Way:
    """One direction of a connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.writer = writer
        self.silent = False
        self.torn = ""


class _Line:
    """One connection: `up` is from the client to the server."""

    def __init__(
        self, network: Network, chance: random.Random, server: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        self._network = network
        self._chance = chance
        self._up, self._down = _Way(server), _Way(client)
        self._fate: asyncio.TimerHandle | None = None

    def suffer(self, faults: Faults) -> None:
        """Draw its fate."""
        self._faults = faults
        if self._fate is not None:
            self._fate.cancel()
        if faults.lives_s is not None:
            life_s, end = self._chance.uniform(*faults.lives_s), self._chance.choice(faults.ends)
            self._fate = asyncio.get_running_loop().call_later(life_s, self._end, end)
        self._stall_s = self._chance.uniform(0.2, 1.0) if self._chance.random() < faults.stalls else 0.0

    async def serve(self, near: asyncio.StreamReader, far: asyncio.StreamReader) -> None:
        try:
            up = self._carry(_units(near), self._up)
            await asyncio.gather(up, self._carry(self._filtered(_units(far)), self._down))
        finally:
            if self._fate is not None:
                self._fate.cancel()
            self._reset()

    def silence(self, *ways: _Way) -> None:
        for way in ways or (self._up, self._down):
            way.silent = True

    def _end(self, how: str) -> None:
        kind, _, where = how.partition(" ")
        ways = {"": (self._up, self._down), "up": (self._up,), "down": (self._down,)}[where]
        if kind == "torn":  # it comes with the next thing said
            for way in ways:
                way.torn = how
            return
        self._network.ended[how] += 1
        if kind == "closed":
            self._close()
        elif kind == "reset":
            self._reset()
        else:
            self.silence(*ways)

    async def _carry(self, units: AsyncIterator[bytes], way: _Way) -> None:
        """Pass on what is said, and its end."""
        try:
            async for unit in units:
                if not (way.silent or way.writer.is_closing()):  # else it is read and lost: who says it learns nothing
                    with suppress(OSError):
                        await self._say(unit, way)
        except OSError:
            if not way.silent:
                _abort(way.writer)
        else:
            if not way.silent:
                way.writer.close()

    async def _say(self, unit: bytes, way: _Way) -> None:
        if self._stall_s and way is self._down and self._chance.random() < 0.2:
            stall_s, self._stall_s = self._stall_s, 0.0
            await asyncio.sleep(stall_s)
        if way.torn and len(unit) > 1:
            self._network.ended[way.torn] += 1
            way.writer.write(unit[: self._chance.randrange(1, len(unit))])
            await way.writer.drain()
            self._close()
            return
        for piece in self._pieces(unit):
            if way.silent or way.writer.is_closing():
                return
            way.writer.write(piece)
            await way.writer.drain()
            if self._chance.random() < self._faults.late:
                await asyncio.sleep(self._chance.choice((0.0, 0.001, 0.01, 0.05)))

    def _pieces(self, unit: bytes) -> Iterator[bytes]:
        if not self._faults.late:
            yield unit
            return
        cuts = sorted(self._chance.randrange(len(unit)) for _ in range(self._chance.randrange(4)))
        for start, end in zip([0, *cuts], [*cuts, len(unit)], strict=True):
            if start < end:
                yield unit[start:end]

    async def _filtered(self, units: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for unit in units:
            share = self._faults.swallow
            if share and CHANGED_ROWS in unit[:256] and self._chance.random() < share:
                self._network.swallowed += 1
            else:
                yield unit

    def _close(self) -> None:
        self._up.writer.close()
        self._down.writer.close()

    def _reset(self) -> None:
        _abort(self._up.writer)
        _abort(self._down.writer)


def _abort(writer: asyncio.StreamWriter) -> None:
    """Close with a RST."""
    with suppress(OSError):
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _units(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """What comes: of a server's websocket frame by frame, else as it comes."""
    data = await reader.read(CHUNK)
    if data.startswith(WEBSOCKET):
        head, end, data = data.partition(b"\r\n\r\n")
        yield head + end
        while True:
            while len(data) >= (size := _frame_size(data)):
                yield data[:size]
                data = data[size:]
            more = await reader.read(CHUNK)
            if not more:
                break
            data += more
    while data:
        yield data
        data = await reader.read(CHUNK)


def _frame_size(data: bytes) -> int:
    """Bytes of the frame that begins here, as far as it can be told; a server's have no mask."""
    short = data[1] if len(data) > 1 else 0
    head = 2 if short < 126 else 4 if short == 126 else 10
    if len(data) < head:
        return head
    return head + (short if short < 126 else int.from_bytes(data[2:head], "big"))
