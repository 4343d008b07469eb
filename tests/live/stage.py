"""A broadcaster on a real store, with pictures in the place of connections."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from dashboard.core.boards import Boards
from dashboard.core.clock import Clock
from dashboard.core.rankings import Rankings
from dashboard.errors import ScorecastError
from dashboard.live.broadcaster import Broadcaster, give_way
from dashboard.live.topics import parse_topic
from dashboard.store.client import Client
from dashboard.store.scripts import Scripts
from tests.live.picture import Picture

Frame = dict[str, Any]


class Stage:
    """As a server of its own beside the one that takes the scores: it remembers settings by itself.

    `sent` keeps every frame as (event, frame, room); `pictures[viewer, topic]` is what each viewer sees.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        make_boards: Callable[..., Boards] = Boards,
        tick_ms: int = 20,
        pause: Callable[[], object] = give_way,
    ) -> None:
        self.clock = clock
        scripts = Scripts(client)
        self.boards = make_boards(client, scripts, clock)
        self.rankings = Rankings(client, scripts, self.boards, clock)
        self.rooms: dict[str, set[str]] = defaultdict(set)
        self.pictures: dict[tuple[str, str], Picture] = {}
        self.sent: list[tuple[str, Frame, str]] = []
        self.broadcaster = Broadcaster(
            self.boards, self.rankings, self.clock, self._emit, self._enter, self._leave, tick_ms=tick_ms, pause=pause
        )

    def subscribe(self, viewer: str, topic: str, limit: int = 10) -> Picture:
        picture = self.pictures.get((viewer, topic), Picture())
        picture.again()
        try:
            answer = self.broadcaster.subscribe(viewer, parse_topic(topic), limit)
        except ScorecastError:
            picture.refused()
            raise
        self.pictures[viewer, topic] = picture
        picture.take(answer)
        return picture

    def unsubscribe(self, viewer: str, topic: str) -> None:
        self.broadcaster.unsubscribe(viewer, parse_topic(topic))
        del self.pictures[viewer, topic]

    def gone(self, viewer: str) -> None:
        """The connection ended; whoever holds connections takes it out of its rooms."""
        self.broadcaster.gone(viewer)
        for members in self.rooms.values():
            members.discard(viewer)
        for known in [key for key in self.pictures if key[0] == viewer]:
            del self.pictures[known]

    def _enter(self, viewer: str, room: str) -> None:
        self.rooms[room].add(viewer)

    def _leave(self, viewer: str, room: str) -> None:
        self.rooms[room].remove(viewer)

    def _emit(self, event: str, frame: Frame, room: str, whole: Callable[[], Frame]) -> None:
        self.sent.append((event, frame, room))
        for viewer in self.rooms[room]:
            self.pictures[viewer, frame["topic"]].show(frame)
