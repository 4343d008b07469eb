"""While frames go to a room, whatever else runs in the event loop has its turn every few milliseconds."""

import fcntl
import math
import os
import struct
import termios
from collections.abc import Callable, Iterator
from itertools import pairwise

import eventlet
import pytest
import socketio

from dashboard.wire import fanout
from dashboard.wire.deadlines import Deadlines
from dashboard.wire.engine_socket import EngineSocket
from dashboard.wire.fanout import Fanout
from dashboard.wire.frames import frame
from dashboard.wire.limits import WireLimits
from dashboard.wire.poller import Poller
from dashboard.wire.rooms import Rooms
from dashboard.wire.shared import Shared
from dashboard.wire.tasks import Tasks

MOST_S = 0.005
VIEWERS = 480
FRAME = frame(b'42["x",0]')


class Street:
    """Viewers whose sockets are all one pipe, and a clock that goes by what has come out of it: a frame takes `frame_s`,
    however fast this machine is.
    """

    def __init__(self, rooms: int, frame_s: float) -> None:
        self.out, into = os.pipe()
        os.set_blocking(into, False)
        server = socketio.Server(async_mode="eventlet")
        self._rooms = Rooms()
        self._rooms.set_server(server)
        poller = Poller(WireLimits(connections=VIEWERS))
        poller.clock = self.clock
        pings: Deadlines[EngineSocket] = Deadlines(25.0, lambda _: None, self.clock)
        shared = Shared(server.eio, poller, Tasks(), 1000, lambda _: None, {}, b"", pings)
        self.names = [f"room-{n}" for n in range(rooms)]
        for n in range(VIEWERS):
            viewer = EngineSocket(shared, f"viewer-{n}")
            viewer.fd = os.dup(into)
            server.eio.sockets[viewer.sid] = viewer
            server.environ[viewer.sid] = {}
            sid = self._rooms.pre_connect(viewer.sid, "/")
            assert sid is not None
            self._rooms.basic_enter_room(sid, "/", self.names[n % rooms])
        os.close(into)
        self._sockets = list(server.eio.sockets.values())
        self._frame_s = frame_s
        self.fanout = Fanout(server, self._rooms, shared)

    @property
    def arrived(self) -> int:
        """Bytes so far."""
        count: int = struct.unpack("i", fcntl.ioctl(self.out, termios.FIONREAD, b"\0" * 4))[0]
        return count

    def clock(self) -> float:
        return self.arrived / len(FRAME) * self._frame_s

    def close(self) -> None:
        for fd in (self.out, *(each.fd for each in self._sockets)):
            os.close(fd)


Open = Callable[[int, float], Street]


@pytest.fixture
def street() -> Iterator[Open]:
    opened: list[Street] = []

    def of(rooms: int, frame_s: float) -> Street:
        opened.append(Street(rooms, frame_s))
        return opened[-1]

    yield of
    for each in opened:
        each.close()


def longest_hold_s(street: Street, how: str) -> float:
    """Send one frame to each room; how long another greenlet waited for its turn at most, by the street's clock."""
    send = getattr(street.fanout, how)
    turns: list[float] = []

    def other() -> None:
        while True:
            turns.append(street.clock())
            eventlet.sleep(0)

    watching = eventlet.spawn(other)
    eventlet.sleep(0)
    for name in street.names:
        send("x", 0, name)
    eventlet.sleep(0)
    watching.kill()
    assert street.arrived == VIEWERS * len(FRAME), "everybody was sent it"
    return max(later - earlier for earlier, later in pairwise(turns))


@pytest.mark.parametrize("how", ["publish", "emit"])
@pytest.mark.parametrize("rooms", [1, VIEWERS // 2], ids=["one room", "many rooms"])
@pytest.mark.parametrize("frame_s", [12e-6, 60e-6, 150e-6], ids=lambda s: f"{s * 1e6:g} us a frame")
def test_nobody_waits_longer_than_5_ms_for_a_turn(street: Open, how: str, rooms: int, frame_s: float) -> None:
    assert 0 < longest_hold_s(street(rooms, frame_s), how) <= MOST_S


@pytest.mark.parametrize("how", ["publish", "emit"])
@pytest.mark.parametrize("rooms", [1, VIEWERS // 2], ids=["one room", "many rooms"])
def test_control_without_breaks_they_do(street: Open, how: str, rooms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "SLICE_S", math.inf)
    assert longest_hold_s(street(rooms, 12e-6), how) > MOST_S
