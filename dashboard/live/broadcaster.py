"""The broadcaster: from 'this board changed' to one frame for all who watch it.

Owns: the tick, the polling of rung boards, the sweep that heals lost rings, `sync`.
Leaves to others: frames (`view.py`), hearing rings (`doorbell.py`), who watches (`audience.py`), connections (`publish`,
`enter` and `leave` are handed in).

A tick goes from portion to portion of the watched boards that rang lately: one read of their versions, one of the rows of
those that changed, their frames, then others have their turn. A board nobody watches costs nothing. A board whose ranking
other programs write, or whose scores decay, is read a few times a second.
"""

import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from threading import Condition, Event, Lock

from dashboard.core.boards import ABSENT, Boards, Version
from dashboard.core.calendars import pick_period
from dashboard.core.clock import Clock
from dashboard.core.rankings import Rankings
from dashboard.core.shards import is_reached
from dashboard.errors import BoardNotFound, InvalidInput, StoreUnavailable, SyncTimeout
from dashboard.live.audience import Audience, Move
from dashboard.live.topics import Topic
from dashboard.live.turn import turn
from dashboard.live.view import Frame, View, room_of
from dashboard.values import Board, Page

log = logging.getLogger(__name__)

QUIET_S = 1.0
"""A rung board is polled until it has been still this long; longer than the store's window between two rings."""
SWEEP_S = 5.0
LOOK_S = 0.25
"""Between two looks at a watched board that changes without a ring: other programs write it, or its scores decay."""
AWAY_S = 1.0
SYNC_S = 10.0
PORTION = 400
"""Most rows in a portion of a tick, unless one board alone has more: about 2 ms of work."""
BOARD_ROWS = 10
"""What a board costs besides its rows, in rows."""

Publish = Callable[[str, Frame, str, Callable[[], Frame]], None]


def give_way() -> None:
    """Let others run: all that is ready where eventlet is, else whoever waits for the interpreter."""
    time.sleep(0)


@dataclass(slots=True)
class _Watch:
    """A view, who watches it, and how much of the store it shows."""

    topic: Topic
    view: View
    viewers: set[str] = field(default_factory=set)
    shows: tuple[str, int, str] | None = None
    silent: bool = False
    positions: tuple[str, ...] = ABSENT.positions

    @property
    def room(self) -> str:
        return self.view.room

    @property
    def reached(self) -> tuple[tuple[int, int], ...]:
        """How far in each shard's events."""
        return tuple(map(parse_position, self.positions))


class Broadcaster:
    """`publish(event, frame, room, whole)` sends to all in a room, and may send who does not keep up `whole()` in the place
    of that frame and those before it; `enter` and `leave` (viewer, room) change rooms; `pause` lets others run.
    """

    def __init__(
        self,
        boards: Boards,
        rankings: Rankings,
        clock: Clock,
        publish: Publish,
        enter: Move,
        leave: Move,
        *,
        tick_ms: int,
        pause: Callable[[], object] = give_way,
    ) -> None:
        self._boards = boards
        self._rankings = rankings
        self._clock = clock
        self._publish = publish
        self._tick_s = tick_ms / 1000
        self._pause = pause
        self._audience: Audience[_Watch] = Audience(enter, leave)
        self._rung: dict[str, float] = {}
        self._bell = Lock()
        self._sweep_at = self._look_at = 0.0
        self._changed = Condition()  # taken twice where a frame finds out that who polls is gone
        self._woken = Event()
        self._stop = Event()
        self._epochs = (f"{secrets.token_hex(4)}-{n}" for n in count(1))
        self.frames = 0

    # Viewers --------------------------------------------------------------------------------------------------------

    def subscribe(self, viewer: str, topic: Topic, limit: int) -> Frame:
        """Let a viewer watch; the answer holds the snapshot from which the next frame goes on.

        A second subscription to a topic replaces the first. No round trip where somebody watches the same already,
        else two. Raises StoreUnavailable, InvalidInput (a period the board does not have).
        """
        with turn(self._changed):
            view = View(topic.name, limit, "")
            watch = self._audience.watches.get(view.room)
            if watch is None:
                view.epoch = next(self._epochs)
                watch = _Watch(topic, view)
                self._refresh([watch], strict=True)
                self.ring(topic.board)
            self._audience.join(viewer, topic.name, watch)
            return watch.view.snapshot()

    def unsubscribe(self, viewer: str, topic: Topic) -> None:
        """Raises NotSubscribed, StoreUnavailable."""
        with turn(self._changed):
            self._audience.quit(viewer, topic.name)

    def subscribe_now(self, viewer: str, topic: Topic, limit: int) -> Frame | None:
        """As `subscribe`, where somebody watches the same already and the turn is free; else None. Never waits."""
        if not self._changed.acquire(blocking=False):
            return None
        try:
            watch = self._audience.watches.get(room_of(topic.name, limit))
            if watch is None:
                return None
            self._audience.join(viewer, topic.name, watch)
            return watch.view.snapshot()
        finally:
            self._changed.release()

    def unsubscribe_now(self, viewer: str, topic: Topic) -> bool:
        """As `unsubscribe`, where the turn is free; else False. Raises NotSubscribed. Never waits."""
        if not self._changed.acquire(blocking=False):
            return False
        try:
            self._audience.quit(viewer, topic.name)
        finally:
            self._changed.release()
        return True

    def gone(self, viewer: str) -> None:
        """A viewer's connection has ended."""
        with self._changed:
            self._audience.gone(viewer)

    def sync(self, viewer: str, topic: Topic, position: str, *, timeout_s: float = SYNC_S) -> int:
        """Wait until every frame up to that event has been sent to this viewer; the `seq` of the last frame sent.

        Raises NotSubscribed, InvalidInput (not an event's id), SyncTimeout, StoreUnavailable.
        """
        wanted = parse_position(position)
        with turn(self._changed):
            watch = self._audience.of(viewer, topic.name)
            self.ring(topic.board, timeout_s)
            if not self._changed.wait_for(lambda: is_reached(watch.reached, wanted), timeout_s):
                raise SyncTimeout(f"{topic.name} has not come to {position} within {timeout_s:g} s: is that its event?")
            return watch.view.seq

    @property
    def viewers(self) -> int:
        """How many viewers watch at least one board."""
        return len(self._audience)

    # Changes --------------------------------------------------------------------------------------------------------

    def ring(self, board: str, for_s: float = QUIET_S) -> None:
        """A board may have changed: poll it for a while. Never waits for Redis."""
        with self._bell:
            self._rung[board] = max(self._rung.get(board, 0.0), time.monotonic() + for_s)
        self._woken.set()

    def ring_all(self) -> None:
        """Any board may have changed."""
        self._sweep_at = 0.0
        self._woken.set()

    def run(self) -> None:
        """Tick until `stop`, and rest while nothing rings. Where Redis is away, look once a second."""
        away, due = False, time.monotonic() + self._tick_s
        while not self._stop.wait(AWAY_S if away else max(0.0, due - time.monotonic())):
            if not away and self._rest():
                due = time.monotonic()
            due = max(due + self._tick_s, time.monotonic())  # from begin to begin; what was missed is not made up
            try:
                self.tick()
                if away:
                    log.info("broadcaster: Redis answers again")
                away = False
            except StoreUnavailable as error:
                if not away:
                    log.warning("broadcaster: %s", error)
                away = True
                self.ring_all()
            except Exception:
                log.exception("broadcaster: a tick failed; the next one tries again")
                self.ring_all()

    def stop(self) -> None:
        self._stop.set()
        self._woken.set()

    def _rest(self) -> bool:
        """Wait until something rings, or a sweep or a look is due; whether that was not yet so."""
        with self._changed:
            silent = any(watch.silent for watch in self._audience.watches.values())
            idle_s = (self._look_at if silent else self._sweep_at) - time.monotonic()
        rests = not self._rung and idle_s > 0
        if rests:
            self._woken.wait(idle_s)
        self._woken.clear()  # before the tick sees what rang
        return rests

    def tick(self) -> None:
        """Send what changed since the last tick. At most two round trips for each portion, none where nothing rang.

        Between two portions the turn is free: viewers come and go, and `sync` goes on.
        """
        with self._changed:
            now = time.monotonic()
            rung = self._ringing(now)
            sweep = now >= self._sweep_at
            if sweep:
                self._sweep_at = now + SWEEP_S
            look = now >= self._look_at
            if look:
                self._look_at = now + LOOK_S
            wanted = self._audience.watches.values()
            watches = [w for w in wanted if sweep or (look and w.silent) or w.topic.board in rung]
        for n, portion in enumerate(_portions(watches)):
            if n:
                self._pause()
            with self._changed:
                here = [watch for watch in portion if self._audience.watches.get(watch.room) is watch]
                if here:
                    self._refresh(here, look=look)
                    self._changed.notify_all()

    def _ringing(self, now: float) -> set[str]:
        with self._bell:
            rung = set(self._rung)
            self._rung = {board: until for board, until in self._rung.items() if until > now}
            return rung

    def _refresh(self, watches: Iterable[_Watch], *, look: bool = True, strict: bool = False) -> None:
        names = list({watch.topic.board for watch in watches})
        versions = dict(zip(names, self._boards.versions(names), strict=True))  # before the rows: see snapshots()
        stale: list[tuple[_Watch, Board | None, Version, str]] = []
        moving: set[str] = set()
        for watch in watches:
            version = versions[watch.topic.board]
            board, period_id = self._ranking(watch.topic, version, strict)
            shared = board is not None and (board.settings.key or board.settings.merge) is not None
            decays = board is not None and board.settings.half_life_s is not None
            watch.silent = shared or decays
            changed = watch.shows != (version.revision, version.number, period_id)
            if not changed and not shared and not (decays and look):
                watch.positions = version.positions
            else:
                stale.append((watch, board, version, period_id))
                moving |= {watch.topic.board} if changed else set()
        pages = self._pages(stale)
        for watch, board, version, period_id in stale:
            frame = watch.view.advance(pages[watch.topic.board, period_id])
            if watch.topic.board in moving or (
                frame is not None and board is not None and board.settings.half_life_s is None
            ):
                self.ring(watch.topic.board)
            if frame is not None and watch.viewers:
                self._publish("board", frame, watch.room, watch.view.whole)
                self.frames += len(watch.viewers)
            watch.shows = (version.revision, version.number, period_id)
            watch.positions = version.positions

    def _ranking(self, topic: Topic, version: Version, strict: bool) -> tuple[Board | None, str]:
        if version is ABSENT:
            return None, ""
        try:
            board = self._boards.get(topic.board)
        except BoardNotFound:  # deleted since its version was read
            return None, ""
        if board.revision != version.revision:
            board = self._boards.read(topic.board) or board
        try:
            return board, pick_period(board, topic.period, self._clock.now_ms()).id
        except InvalidInput:  # a viewer waited for a board that then came without this period
            if strict:
                raise
            return None, ""

    def _pages(self, stale: list[tuple[_Watch, Board | None, Version, str]]) -> dict[tuple[str, str], Page]:
        limits: dict[tuple[str, str], int] = defaultdict(int)
        boards: dict[str, Board] = {}
        pages = {}
        for watch, board, _, period_id in stale:
            pages[watch.topic.board, period_id] = Page(watch.topic.board, period_id, 0, 0, ())
            if board is not None:
                boards[board.name] = board
                limits[board.name, period_id] = max(limits[board.name, period_id], watch.view.limit)
        if limits:
            wanted = [(boards[name], period_id, limit) for (name, period_id), limit in limits.items()]
            pages |= {(page.board, page.period): page for page in self._rankings.snapshots(wanted)}
        return pages


def _portions(watches: Iterable[_Watch]) -> Iterator[list[_Watch]]:
    """Cut where others shall have their turn. Watches of one board stay together, so that its rows are read once."""
    boards: dict[str, list[_Watch]] = {}
    for watch in watches:
        boards.setdefault(watch.topic.board, []).append(watch)
    portion: list[_Watch] = []
    rows = 0
    for those in boards.values():
        more = sum(BOARD_ROWS + len(watch.view.rows) for watch in those)
        if portion and rows + more > PORTION:
            yield portion
            portion, rows = [], 0
        portion += those
        rows += more
    if portion:
        yield portion


def parse_position(text: str) -> tuple[int, int]:
    """A stream id as two numbers that compare in its order. Raises InvalidInput."""
    milliseconds, dash, number = text.partition("-")
    if dash and all(part.isascii() and part.isdigit() and len(part) < 21 for part in (milliseconds, number)):
        return int(milliseconds), int(number)
    raise InvalidInput(f"{text[:60]!r} is no position: take it from the answer to a score.", ("/position", "not an id"))
