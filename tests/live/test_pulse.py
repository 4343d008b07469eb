"""The pulse: what happens on a board, once a second, and never less than what happened."""

from typing import Any

import pytest

from dashboard.core.buckets import STEP_S
from dashboard.errors import InvalidInput, NotSubscribed
from dashboard.live.feeds import Feeds
from dashboard.live.pulse import PulseFeed
from dashboard.live.topics import parse_topic
from dashboard.parts import Parts
from dashboard.values import BoardSettings, Score
from tests.live.stage import Stage
from tests.store.hold import wait_until

Frame = dict[str, Any]


class Heart:
    """A pulse feed that beats when it is told to; `sent` keeps what it sends, `rooms` who is where."""

    def __init__(self, parts: Parts) -> None:
        self.sent: list[tuple[str, Frame, str]] = []
        self.rooms: set[tuple[str, str]] = set()
        self.feed = PulseFeed(
            parts.boards,
            parts.rankings,
            parts.analytics,
            parts.clock,
            lambda event, frame, room: self.sent.append((event, frame, room)),
            lambda viewer, room: self.rooms.add((viewer, room)),
            lambda viewer, room: self.rooms.remove((viewer, room)),
        )

    def subscribe(self, topic: str, viewer: str = "v") -> Frame:
        return self.feed.subscribe(viewer, parse_topic(topic))

    def beat(self) -> Frame:
        self.feed.beat()
        return self.sent[-1][1]


@pytest.fixture
def heart(parts: Parts) -> Heart:
    return Heart(parts)


@pytest.fixture
def topic(board: str) -> str:
    return f"analytics:{board}:all"


def post(parts: Parts, board: str, count: int, player: str = "p") -> None:
    parts.scores.submit(board, [Score(f"{player}{n}", n) for n in range(count)])


def test_a_board_that_does_not_exist_yet_has_a_flat_pulse_that_begins_with_it(
    heart: Heart, parts: Parts, board: str, topic: str
) -> None:
    answer = heart.subscribe(topic)
    state = answer["snapshot"]
    assert (state["players"], state["version"], state["scores_per_second"], state["points"]) == (0, 0, 0.0, [])
    assert state["distribution"]["counts"] == ()
    post(parts, board, 12)
    frame = heart.beat()
    assert (frame["topic"], frame["epoch"], frame["seq"]) == (topic, answer["epoch"], answer["seq"] + 1)
    assert (frame["players"], frame["version"], sum(frame["distribution"]["counts"])) == (12, 1, 12)
    assert frame["step_s"] == STEP_S


def test_the_rate_is_that_of_the_last_seconds(
    heart: Heart, parts: Parts, board: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("dashboard.live.pulse.monotonic", lambda: now[0])
    heart.subscribe(topic)
    rates = []
    for scores in (10, 10, 10, 10, 10, 10, 10, 0, 0, 0, 0, 0, 0):
        if scores:
            post(parts, board, scores)
        now[0] += 1
        rates.append(heart.beat()["scores_per_second"])
    assert rates == [10.0] * 7 + [8.0, 6.0, 4.0, 2.0, 0.0, 0.0]


def test_the_rate_of_a_board_made_anew_is_never_negative(heart: Heart, parts: Parts, board: str, topic: str) -> None:
    post(parts, board, 50)
    heart.subscribe(topic)
    parts.boards.delete(board)
    post(parts, board, 1)
    assert heart.beat()["scores_per_second"] >= 0


@pytest.fixture(scope="module")
def watched(parts: Parts) -> Heart:
    """A heart that watched the board `pulse-history` while a bucket of time closed in which three scores had come."""
    heart = Heart(parts)
    step_ms = 1000 * STEP_S
    post(parts, "pulse-history", 3, "a")
    bucket = parts.clock.now_ms() // step_ms
    assert heart.subscribe("analytics:pulse-history:all", "early")["snapshot"]["points"] == []
    wait_until(lambda: parts.clock.now_ms() // step_ms > bucket, STEP_S + 1)
    post(parts, "pulse-history", 2, "b")
    return heart


def test_a_bucket_that_closes_while_it_is_watched_is_in_one_frame(watched: Heart) -> None:
    beats = [watched.beat()["points"] for _ in range(3)]
    assert [[point["scores"] for point in points] for points in beats] == [[3], [], []]
    assert [row["player"] for row in beats[0][0]["rows"]] == ["a2", "a1", "a0"]


def test_a_closed_bucket_is_in_the_snapshot_and_then_in_no_frame(heart: Heart, watched: Heart) -> None:
    topic = "analytics:pulse-history:all"
    for answer in (heart.subscribe(topic), watched.subscribe(topic, "late")):
        assert [point["scores"] for point in answer["snapshot"]["points"]] == [3]
    assert (heart.beat()["points"], watched.beat()["points"]) == ([], [])


def test_viewers_of_a_topic_share_each_frame(heart: Heart, topic: str) -> None:
    first, second = heart.subscribe(topic, "v"), heart.subscribe(topic, "w")
    assert first["epoch"] == second["epoch"]
    heart.beat()
    assert [(event, room) for event, _, room in heart.sent] == [("analytics", topic)]
    heart.feed.unsubscribe("v", parse_topic(topic))
    with pytest.raises(NotSubscribed):
        heart.feed.unsubscribe("v", parse_topic(topic))
    heart.feed.gone("w")
    heart.sent.clear()
    heart.feed.beat()
    assert heart.sent == [], "nobody watches"


def test_a_period_the_board_lacks_shows_nothing_and_harms_nobody(
    heart: Heart, parts: Parts, board: str, topic: str
) -> None:
    parts.boards.put(board, BoardSettings())
    post(parts, board, 3)
    heart.subscribe(f"analytics:{board}:week", "w")
    heart.subscribe(topic, "v")
    heart.feed.beat()
    players = {frame["topic"]: frame["players"] for _, frame, _ in heart.sent}
    assert players == {topic: 3, f"analytics:{board}:week": 0}


# Topics and feeds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *("", "board", "board:b", "board:b:", "board::all", "board:b:year", "board:b:all ", "BOARD:b:all", "x:b:all"),
        *("board:b:all\n", "boards:b:all", "analytics:b", "analytics:b:ALL", "board:-b:all", "board:ä:all"),
        f"board:{'b' * 65}:all",
    ],
)
def test_what_is_no_topic_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no topic: watch board:<board>:<period>"):
        parse_topic(text)


@pytest.mark.parametrize("board", ["b", "a:b", "all", "board:b:all", "0.x_-", "b" * 64])
@pytest.mark.parametrize("period", ["all", "day", "week", "month"])
def test_a_boards_topic_names_board_and_period_whatever_the_board_is_called(board: str, period: str) -> None:
    found = parse_topic(f"board:{board}:{period}")
    assert (found.kind, found.board, found.period) == ("board", board, period)


def test_limit_and_sync_go_with_boards_only(parts: Parts, board: str, topic: str) -> None:
    stage, heart = Stage(parts.client, parts.clock), Heart(parts)
    feeds = Feeds(stage.broadcaster, {"pulse": heart.feed})
    for call in (lambda: feeds.subscribe("v", topic, 5), lambda: feeds.sync("v", topic, "1-0")):
        with pytest.raises(InvalidInput, match="goes with board topics only"):
            call()
    assert feeds.subscribe("v", f"board:{board}:all", None)["snapshot"]["rows"] == []
    feeds.subscribe("v", topic, None)
    assert stage.broadcaster.viewers == 1
    feeds.gone("v")
    assert stage.broadcaster.viewers == 0
