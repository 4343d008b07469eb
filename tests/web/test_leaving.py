"""Connections that end at a bad moment leave nothing behind."""

from functools import partial

import pytest
from flask_socketio import SocketIO

from dashboard.live.broadcaster import Broadcaster
from dashboard.live.feeds import Feeds
from dashboard.live.pulse import PulseFeed
from dashboard.live.sessions import SessionSockets
from dashboard.parts import Parts
from dashboard.web.channels import publish_message
from dashboard.web.clients import Clients
from dashboard.web.guards import Guard
from dashboard.web.limits import Door
from dashboard.web.server import make_flask, make_socketio
from dashboard.web.sockets import bind


class Site:
    """The Socket.IO server with its feeds, without a listening socket: its handlers are called as the library calls them."""

    def __init__(self, parts: Parts) -> None:
        self.socketio: SocketIO = make_socketio(make_flask([]), "threading", [])
        self.server = self.socketio.server
        room = self.server.enter_room, self.server.leave_room
        emit = self.server.emit
        self.broadcaster = Broadcaster(
            parts.boards, parts.rankings, parts.clock, lambda *given: emit(*given[:3]), *room, tick_ms=20
        )
        pulse = PulseFeed(parts.boards, parts.rankings, parts.analytics, parts.clock, emit, *room)
        guard = Guard((), None)
        feeds = Feeds(self.broadcaster, {"pulse": pulse})
        door, send = Door(parts.limits, guard), partial(publish_message, parts.client)
        members = SessionSockets(parts.client, parts.sessions.alive, emit, self.server.disconnect)
        bind(self.socketio, feeds, parts.scores, Clients(guard, door), guard, door, send, members, lambda _: None)
        self.handlers = self.server.handlers["/"]

    def connect(self) -> str:
        sid: str = self.server.manager.connect("engine-1", "/")
        self.handlers["connect"](sid, {}, None)
        return sid

    @property
    def rooms(self) -> set[str]:
        return {room for room in self.server.manager.rooms.get("/", {}) if room and "#" in room}


@pytest.fixture
def site(parts: Parts) -> Site:
    return Site(parts)


def test_a_subscription_that_comes_through_after_its_connection_ended_is_undone(
    site: Site, board: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It waited for the store meanwhile; the end of the connection was told before."""
    sid = site.connect()
    site.handlers["disconnect"](sid, "transport close")  # and before the library forgets the connection:
    site.handlers["*"]("subscribe", sid, {"topic": f"board:{board}:all"})
    site.server.manager.disconnect(sid, "/")
    assert site.broadcaster.viewers == 0
    site.handlers["*"]("subscribe", sid, {"topic": f"board:{board}:all"})  # and after
    assert site.broadcaster.viewers == 0
    assert site.rooms == set()
    assert caplog.text == ""


def test_control_a_connection_that_lives_stays_subscribed(site: Site, board: str) -> None:
    sid = site.connect()
    assert "snapshot" in site.handlers["*"]("subscribe", sid, {"topic": f"board:{board}:all"})
    assert site.broadcaster.viewers == 1
    assert site.rooms == {f"board:{board}:all#10"}
    site.handlers["disconnect"](sid, "transport close")
    site.server.manager.disconnect(sid, "/")
    assert (site.broadcaster.viewers, site.rooms) == (0, set())
