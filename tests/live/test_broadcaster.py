"""The broadcaster on a real store: what viewers see is what the API says, and what it costs to show them."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dashboard.core.boards import Boards, Version
from dashboard.core.clock import Clock
from dashboard.core.scores import BATCH
from dashboard.errors import InvalidInput, NotSubscribed, SyncTimeout
from dashboard.live import broadcaster as module
from dashboard.live.doorbell import Doorbell
from dashboard.live.topics import parse_topic
from dashboard.parts import Parts
from dashboard.store.client import connect
from dashboard.values import BoardSettings, Result, Score, Season
from tests.live.stage import Stage
from tests.store.hold import wait_until

DAY_MS = 86_400_000


@pytest.fixture
def stage(parts: Parts) -> Stage:
    return Stage(parts.client, parts.clock)


@pytest.fixture
def topic(board: str) -> str:
    return f"board:{board}:all"


def post(parts: Parts, board: str, player: str, score: int, at_ms: int | None = None) -> Result:
    result = parts.scores.submit(board, [Score(player, score, at_ms)])[0]
    assert isinstance(result, Result)
    return result


def top(parts: Parts, board: str, kind: str = "all", limit: int = 10) -> list[dict[str, Any]]:
    return [row.as_dict() for row in parts.rankings.top(board, kind, limit=limit).rows]


def calls(parts: Parts, work: Callable[[], object]) -> dict[str, int]:
    """How often the store ran each command meanwhile."""

    def count() -> dict[str, int]:
        found = parts.client.info("commandstats")
        return {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in found.items()}

    before = count()
    work()
    after = count()
    changed = {name: after[name] - before.get(name, 0) for name in after}
    changed["info"] = 0
    return {name: n for name, n in changed.items() if n}


# Frames ---------------------------------------------------------------------------------------------------------------


def test_a_score_is_on_the_picture_after_the_tick_that_follows_its_ring(stage: Stage, parts: Parts, board: str) -> None:
    picture = stage.subscribe("v", f"board:{board}:all")
    assert (picture.rows, picture.players) == ([], 0), "the board does not exist yet"
    post(parts, board, "a", 5)
    stage.broadcaster.ring(board)
    stage.broadcaster.tick()
    assert picture.rows == top(parts, board) == [{"rank": 1, "player": "a", "score": 5}]


def test_all_viewers_of_a_view_get_one_frame_and_each_limit_has_its_own(
    stage: Stage, parts: Parts, board: str, topic: str
) -> None:
    for n in range(20):
        stage.subscribe(f"v{n}", topic, limit=(1, 2, 3, 10, 1000)[n % 5])
    for n in range(12):
        post(parts, board, f"p{n}", n)
    stage.broadcaster.tick()
    assert sorted(room for _, _, room in stage.sent) == sorted(f"{topic}#{limit}" for limit in (1, 2, 3, 10, 1000))
    assert stage.broadcaster.frames == 20
    for n in range(20):
        assert stage.pictures[f"v{n}", topic].rows == top(parts, board, limit=(1, 2, 3, 10, 1000)[n % 5])


def test_subscribing_again_with_another_limit_replaces_the_first(
    stage: Stage, parts: Parts, board: str, topic: str
) -> None:
    for n in range(5):
        post(parts, board, f"p{n}", n)
    picture = stage.subscribe("v", topic, 2)
    first = picture.epoch
    stage.subscribe("v", topic, 4)
    assert picture.epoch != first
    assert len(picture.rows) == 4
    stage.subscribe("v", topic, 4)
    post(parts, board, "p9", 9)
    stage.broadcaster.tick()
    assert [room for _, _, room in stage.sent] == [f"{topic}#4"]
    assert picture.rows == top(parts, board, limit=4)


def test_an_empty_board_that_is_deleted_and_made_anew_is_followed(
    stage: Stage, parts: Parts, board: str, topic: str
) -> None:
    picture = stage.subscribe("v", topic)
    for life, order in enumerate(("desc", "asc")):
        parts.boards.put(board, BoardSettings(order=order))  # type: ignore[arg-type]
        for n in range(3):
            post(parts, board, f"p{n}", n)
        stage.broadcaster.ring(board)
        stage.broadcaster.tick()
        assert picture.rows == top(parts, board), life
        assert picture.rows[0]["score"] == (2, 0)[life]
        parts.boards.delete(board)
        stage.broadcaster.ring(board)
        stage.broadcaster.tick()
        assert (picture.rows, picture.players) == ([], 0)


def test_a_period_that_ends_is_left_for_the_next_without_a_score(parts: Parts, board: str) -> None:
    now = [parts.clock.now_ms() - DAY_MS]
    stage = Stage(parts.client, Clock(lambda: now[0]))
    parts.boards.put(board, BoardSettings(periods=("day", "all"), late_s=10 * 86_400))
    post(parts, board, "yesterday", 1, now[0])
    post(parts, board, "today", 2)
    day, whole = stage.subscribe("v", f"board:{board}:day"), stage.subscribe("v", f"board:{board}:all")
    assert [row["player"] for row in day.rows] == ["yesterday"]
    now[0] += DAY_MS
    stage.broadcaster.ring_all()
    stage.broadcaster.tick()
    assert day.rows == top(parts, board, "day")
    assert [row["player"] for row in day.rows] == ["today"]
    assert whole.frames == 0, "the ranking of all times did not change"


def test_who_watches_the_season_sees_the_next_one_begin(stage: Stage, parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(periods=("season", "all"), season=Season()))
    post(parts, board, "a", 1)
    season, whole = stage.subscribe("v", f"board:{board}:season"), stage.subscribe("v", f"board:{board}:all")
    assert season.rows == whole.rows != []
    parts.seasons.roll_over(board)
    stage.broadcaster.ring(board)  # as the doorbell does, which the roll-over rings

    def is_empty() -> bool:  # a tick's clock may be a moment behind the store's
        stage.broadcaster.tick()
        return not season.rows

    wait_until(is_empty)
    assert len(whole.rows) == 1
    post(parts, board, "b", 1)
    stage.broadcaster.tick()
    assert [row["player"] for row in season.rows] == ["b"]
    assert season.rows == top(parts, board, "season")


def test_a_period_the_board_does_not_have_is_refused_and_leaves_nothing(stage: Stage, parts: Parts, board: str) -> None:
    post(parts, board, "a", 1)
    with pytest.raises(InvalidInput, match="no period 'day'; it has all"):
        stage.subscribe("v", f"board:{board}:day")
    assert stage.broadcaster.viewers == 0
    assert not any(stage.rooms.values())


def test_a_refused_change_of_limit_leaves_the_former_subscription_alone(stage: Stage, parts: Parts, board: str) -> None:
    picture = stage.subscribe("v", f"board:{board}:day", 2)  # of a board that is not there yet
    post(parts, board, "a", 1)
    with pytest.raises(InvalidInput, match="no period 'day'"):
        stage.subscribe("v", f"board:{board}:day", 1)
    parts.boards.put(board, BoardSettings(periods=("all", "day")))
    post(parts, board, "b", 2)
    stage.broadcaster.ring(board)
    stage.broadcaster.tick()
    assert picture.rows == top(parts, board, "day") == [{"rank": 1, "player": "b", "score": 2}]


def test_a_board_awaited_in_a_period_it_then_does_not_have_stays_empty(stage: Stage, parts: Parts, board: str) -> None:
    picture = stage.subscribe("v", f"board:{board}:day")
    post(parts, board, "a", 1)
    stage.broadcaster.ring(board)
    stage.broadcaster.tick()
    assert picture.rows == []
    parts.boards.put(board, BoardSettings(periods=("all", "day")))
    post(parts, board, "b", 2)
    stage.broadcaster.ring(board)
    stage.broadcaster.tick()
    assert picture.rows == top(parts, board, "day") == [{"rank": 1, "player": "b", "score": 2}]


def test_a_board_deleted_during_a_tick_holds_no_other_up(parts: Parts, board: str) -> None:
    """Between its version and its settings."""

    class Deleting(Boards):
        def versions(self, names: Any) -> list[Version]:
            found = super().versions(names)
            if doomed in names and parts.boards.read(doomed):
                parts.boards.delete(doomed)
                self.forget(doomed)
            return found

    doomed = f"{board}-doomed"
    stage = Stage(parts.client, parts.clock, make_boards=Deleting)
    pictures = [stage.subscribe("v", f"board:{name}:all") for name in (doomed, board)]
    for name in (doomed, board):
        post(parts, name, "a", 1)
        stage.broadcaster.ring(name)
    stage.broadcaster.tick()
    stage.broadcaster.tick()
    assert pictures[1].rows == top(parts, board)
    assert pictures[0].rows == []
    post(parts, doomed, "b", 1)
    assert stage.subscribe("w", f"board:{doomed}:all", 3).rows == [], "whoever subscribes meanwhile sees it empty"


def test_rooms_and_watches_end_with_their_last_viewer(stage: Stage, parts: Parts, board: str, topic: str) -> None:
    for viewer in ("v", "w"):
        for limit in (1, 5, 10):
            stage.subscribe(viewer, topic, limit)
        stage.subscribe(viewer, f"board:{board}-other:all")
    stage.unsubscribe("v", topic)
    with pytest.raises(NotSubscribed):
        stage.unsubscribe("v", topic)
    stage.gone("v")
    assert stage.broadcaster.viewers == 1
    stage.gone("w")
    stage.gone("w")
    assert stage.broadcaster.viewers == 0
    assert not any(stage.rooms.values())
    post(parts, board, "a", 1)
    stage.broadcaster.ring(board)
    assert calls(parts, stage.broadcaster.tick) == {}
    assert stage.sent == []


def test_a_viewer_whom_a_frame_finds_gone_holds_nobody_up(parts: Parts, board: str, topic: str) -> None:
    """As the library does where one who polls has not answered a ping: it ends the connection within the sending."""

    class Finding(Stage):
        def _emit(self, event: str, frame: Any, room: str, whole: Any) -> None:
            self.gone("v")
            super()._emit(event, frame, room, whole)

    stage = Finding(parts.client, parts.clock)
    for viewer in ("v", "w"):
        stage.subscribe(viewer, topic)
    post(parts, board, "a", 1)
    ticking = threading.Thread(target=stage.broadcaster.tick, daemon=True)
    ticking.start()
    ticking.join(10)
    assert not ticking.is_alive()
    assert stage.broadcaster.viewers == 1
    assert stage.pictures["w", topic].rows == top(parts, board)


# Cost -----------------------------------------------------------------------------------------------------------------


def test_nothing_is_read_for_boards_nobody_watches(stage: Stage, parts: Parts, board: str, topic: str) -> None:
    post(parts, board, "a", 1)

    def ticks() -> None:
        stage.broadcaster.ring(board)
        for _ in range(5):
            stage.broadcaster.tick()

    assert calls(parts, ticks) == {}
    stage.subscribe("v", f"board:{board}-other:all")  # the first tick sweeps
    stage.broadcaster.tick()
    wait_until(lambda: calls(parts, stage.broadcaster.tick) == {})  # it is quiet again
    assert calls(parts, ticks) == {}
    stage.subscribe("v", topic)
    assert calls(parts, ticks)["hmget"] == 5, "control: a watched board is polled"


def test_one_read_of_rows_serves_all_limits_and_viewers_of_a_ranking(
    stage: Stage, parts: Parts, board: str, topic: str
) -> None:
    post(parts, board, "a", 1)
    for n in range(20):
        stage.subscribe(f"v{n}", topic, limit=(1, 2, 3, 10, 100)[n % 5])
    stage.broadcaster.tick()
    post(parts, board, "b", 2)
    assert calls(parts, stage.broadcaster.tick) == {"hmget": 2, "zcard": 1, "zrevrange": 1}
    assert len(stage.sent) == 5


def test_a_viewer_of_what_is_watched_already_costs_no_read(stage: Stage, parts: Parts, board: str, topic: str) -> None:
    post(parts, board, "a", 1)
    first = calls(parts, lambda: stage.subscribe("v", topic))
    assert first["zrevrange"] == 1
    assert calls(parts, lambda: stage.subscribe("w", topic)) == {}
    assert stage.pictures["w", topic].rows == top(parts, board)
    assert stage.pictures["w", topic].epoch == stage.pictures["v", topic].epoch


def test_a_change_of_ranks_that_stays_out_of_sight_is_read_but_not_sent(stage: Stage, parts: Parts, board: str) -> None:
    for n in range(3):
        post(parts, board, f"p{n}", 10 * n)
    stage.subscribe("v", f"board:{board}:all", 1)
    stage.sent.clear()
    post(parts, board, "p0", 11)
    stage.broadcaster.tick()
    assert stage.sent == []


# Rings ----------------------------------------------------------------------------------------------------------------


def test_a_lost_ring_is_healed_by_the_sweep_and_only_by_it(
    stage: Stage, parts: Parts, board: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEP_S", 0.5)
    picture = stage.subscribe("v", topic)
    wait_until(lambda: calls(parts, stage.broadcaster.tick) == {})  # it is no longer polled
    stage.broadcaster.ring_all()
    stage.broadcaster.tick()  # sweeps; the next sweep is half a second away
    post(parts, board, "a", 1)  # nobody rings
    for _ in range(10):
        stage.broadcaster.tick()
    assert picture.rows == [], "control: without a sweep it is not seen"

    def seen() -> bool:
        stage.broadcaster.tick()
        return bool(picture.rows)

    wait_until(seen)
    assert picture.rows == top(parts, board)


def test_a_write_right_behind_a_ring_needs_none(stage: Stage, parts: Parts, board: str, topic: str) -> None:
    """The store rings once in a while, not once a score: a rung board is polled until it is still."""
    picture = stage.subscribe("v", topic)
    post(parts, board, "a", 1)
    stage.broadcaster.ring(board)
    for n in range(2, 30):
        stage.broadcaster.tick()
        post(parts, board, "a", n)  # no ring
        stage.broadcaster.tick()
        assert picture.rows[0]["score"] == n


def test_a_ring_during_a_tick_is_not_lost(parts: Parts, board: str) -> None:
    """A write and its ring that come after the tick has read, and before it ends."""

    class Interrupted(Boards):
        interrupt: Callable[[], object] = staticmethod(lambda: None)

        def versions(self, names: Any) -> list[Version]:
            found = super().versions(names)
            self.interrupt()
            return found

    stage = Stage(parts.client, parts.clock, make_boards=Interrupted)
    picture = stage.subscribe("v", f"board:{board}:all")
    wait_until(lambda: calls(parts, stage.broadcaster.tick) == {})
    post(parts, board, "a", 1)
    scores = iter(range(2, 6))

    def write() -> None:
        if (score := next(scores, None)) is not None:
            post(parts, board, "a", score)
            stage.broadcaster.ring(board)

    assert isinstance(stage.boards, Interrupted)
    stage.boards.interrupt = write
    stage.broadcaster.ring(board)
    for expected in (2, 3, 4, 5, 5):  # rows are read after the version, so the write is seen at once
        stage.broadcaster.tick()
        assert picture.rows[0]["score"] == expected
    assert stage.broadcaster.frames == 4


def test_a_ring_after_the_rows_were_read_is_not_lost(parts: Parts, board: str) -> None:
    stage = Stage(parts.client, parts.clock)
    picture = stage.subscribe("v", f"board:{board}:all")
    inner = stage.rankings.snapshots

    def read_then_write(wanted: Any) -> Any:
        found = inner(wanted)
        if picture.frames == 0:
            post(parts, board, "a", 2)
            stage.broadcaster.ring(board)
        return found

    stage.rankings.snapshots = read_then_write  # type: ignore[method-assign]
    post(parts, board, "a", 1)
    stage.broadcaster.ring(board)
    stage.broadcaster.tick()
    assert picture.rows[0]["score"] == 1
    stage.broadcaster.tick()
    assert picture.rows[0]["score"] == 2


# Sync -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(parts: Parts) -> Iterator[Stage]:
    """A stage whose broadcaster and doorbell run in threads."""
    stage = Stage(parts.client, parts.clock)
    ears = connect(parts.url, connections=2)
    doorbell = Doorbell(ears, stage.broadcaster.ring, stage.broadcaster.ring_all)
    threads = [threading.Thread(target=loop) for loop in (stage.broadcaster.run, doorbell.run)]
    for thread in threads:
        thread.start()
    assert doorbell.listening.wait(5)
    yield stage
    stage.broadcaster.stop()
    doorbell.stop()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    ears.close()


def test_sync_returns_when_the_position_was_sent_and_not_before(running: Stage, parts: Parts, board: str) -> None:
    name = f"board:{board}:all"
    picture = running.subscribe("v", name)
    for n in range(30):
        result = post(parts, board, "a", n)
        seq = running.broadcaster.sync("v", parse_topic(name), result.position)
        assert (picture.rows[0]["score"], picture.seq) == (n, seq)


def test_control_without_sync_a_frame_is_still_on_its_way(running: Stage, parts: Parts, board: str) -> None:
    picture = running.subscribe("v", f"board:{board}:all")
    behind = 0
    for n in range(30):
        post(parts, board, "a", n)
        behind += not picture.rows or picture.rows[0]["score"] < n
    assert behind


def test_sync_on_a_score_that_changed_nothing_answers(running: Stage, parts: Parts, board: str) -> None:
    name = f"board:{board}:all"
    post(parts, board, "a", 5)
    running.subscribe("v", name)
    result = post(parts, board, "a", 3)
    assert not result.changed
    began = time.monotonic()
    assert running.broadcaster.sync("v", parse_topic(name), result.position) == running.pictures["v", name].seq
    assert time.monotonic() - began < 2


def test_sync_on_a_position_to_come_waits_for_it_or_gives_up(running: Stage, parts: Parts, board: str) -> None:
    name = f"board:{board}:all"
    running.subscribe("v", name)
    post(parts, board, "a", 1)
    future = f"{parts.clock.now_ms() + 3_600_000}-0"
    with pytest.raises(SyncTimeout, match=r"has not come to .* within 0\.3 s"):
        running.broadcaster.sync("v", parse_topic(name), future, timeout_s=0.3)
    soon = f"{parts.clock.now_ms() + 300}-0"
    waiting = threading.Thread(target=running.broadcaster.sync, args=("v", parse_topic(name), soon))
    waiting.start()
    wait_until(lambda: parts.clock.now_ms() > int(soon[:-2]))
    post(parts, board, "a", 2)
    waiting.join(5)
    assert not waiting.is_alive()


@pytest.mark.parametrize(
    "position", ["", "-", "1", "1-", "-1", "1-x", "1-1-1", "²-1", "9" * 21 + "-0", " 1-1", "1.0-0"]
)
def test_sync_on_what_is_no_position_is_refused(stage: Stage, topic: str, position: str) -> None:
    stage.subscribe("v", topic)
    with pytest.raises(InvalidInput, match="is no position"):
        stage.broadcaster.sync("v", parse_topic(topic), position)


def test_sync_needs_a_subscription_to_that_topic(stage: Stage, board: str, topic: str) -> None:
    with pytest.raises(NotSubscribed):
        stage.broadcaster.sync("v", parse_topic(topic), "1-0")
    stage.subscribe("v", f"board:{board}-other:all")
    with pytest.raises(NotSubscribed):
        stage.broadcaster.sync("v", parse_topic(topic), "1-0")


def test_a_batch_of_full_size_is_one_frame(stage: Stage, parts: Parts, board: str, topic: str) -> None:
    picture = stage.subscribe("v", topic, 1000)
    results = parts.scores.submit(board, [Score(f"p{n:04}", n) for n in range(BATCH)])
    stage.broadcaster.ring(board)
    stage.broadcaster.tick()
    assert len(stage.sent) == 1
    assert len(picture.rows) == BATCH
    assert isinstance(results[-1], Result)
    assert stage.broadcaster.sync("v", parse_topic(topic), results[-1].position, timeout_s=0) == picture.seq
