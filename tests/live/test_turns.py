"""While a tick shows many boards, others have their turn every few milliseconds, and what they do meanwhile is right."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import eventlet
import pytest

from dashboard.core.boards import Boards, Version
from dashboard.live import broadcaster as module
from dashboard.live.topics import parse_topic
from dashboard.parts import Parts
from dashboard.values import Page, Result, Score
from tests.live.stage import Stage
from tests.store.trips import trips

MOST_S = 0.005
SIZES = [
    pytest.param(60, 10, id="60 boards of 10"),
    pytest.param(9, 200, id="9 of 200"),
    pytest.param(90, 1, id="90 of 1"),
]


class Noting(Boards):
    """Notes how many versions it has read."""

    asked = 0

    def versions(self, names: Sequence[str]) -> list[Version]:
        self.asked += len(names)
        return super().versions(names)


class Hall(Stage):
    """Many boards, each with a viewer, and a clock that goes by what a tick has done: a row takes `row_s`, a board as long as
    five of them, and again for its frame, however fast this machine is.
    """

    def __init__(self, parts: Parts, board: str, boards: int, rows: int, row_s: float = 0.0, **options: Any) -> None:
        super().__init__(parts.client, parts.clock, make_boards=Noting, **options)
        self._parts = parts
        self._rows = rows
        self._row_s = row_s
        self._shown = 0
        self.names = [f"{board}-{n}" for n in range(boards)]
        self.topics = [f"board:{name}:all" for name in self.names]
        self.post(0)
        for n, topic in enumerate(self.topics):
            self.subscribe(f"v{n}", topic, max(rows, 1))
        inner = self.rankings.snapshots

        def snapshots(wanted: Any) -> list[Page]:
            pages = inner(wanted)
            self._shown += sum(len(page.rows) for page in pages)
            return pages

        self.rankings.snapshots = snapshots  # type: ignore[method-assign]

    def work(self) -> float:
        assert isinstance(self.boards, Noting)
        return self._row_s * (5 * self.boards.asked + self._shown + 5 * len(self.sent))

    def post(self, more: int) -> list[Result]:
        """The last score of each board; all rows change."""
        results = [
            self._parts.scores.submit(name, [Score(f"p{n}", n + more) for n in range(self._rows)])[-1]
            for name in self.names
        ]
        assert all(isinstance(result, Result) for result in results)
        return results  # type: ignore[return-value]

    def top(self, topic: str) -> list[dict[str, Any]]:
        rows = self._parts.rankings.top(parse_topic(topic).board, limit=max(self._rows, 1)).rows
        return [row.as_dict() for row in rows]


def longest_hold_s(hall: Hall) -> float:
    """How long another greenlet waited for its turn during a tick at most, by the hall's clock."""
    turns: list[float] = []

    def other() -> None:
        while True:
            turns.append(hall.work())
            eventlet.sleep(0)

    hall.post(5000)
    watching = eventlet.spawn(other)
    eventlet.sleep(0)
    hall.sent.clear()
    hall.broadcaster.tick()
    eventlet.sleep(0)
    watching.kill()
    assert sorted(frame["topic"] for _, frame, _ in hall.sent) == sorted(hall.topics), "all were shown"
    return max(later - earlier for earlier, later in pairwise(turns))


@pytest.mark.parametrize(("boards", "rows"), SIZES)
@pytest.mark.parametrize("row_s", [3e-6, 12e-6], ids=lambda s: f"{s * 1e6:g} us a row")
def test_nobody_waits_longer_than_5_ms_for_a_turn(
    parts: Parts, board: str, boards: int, rows: int, row_s: float
) -> None:
    hall = Hall(parts, board, boards, rows, row_s, pause=eventlet.sleep)
    assert 0 < longest_hold_s(hall) <= MOST_S


@pytest.mark.parametrize(("boards", "rows"), SIZES)
def test_control_in_one_portion_they_do(
    parts: Parts, board: str, boards: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PORTION", math.inf)
    hall = Hall(parts, board, boards, rows, 12e-6, pause=eventlet.sleep)
    assert longest_hold_s(hall) > MOST_S


def test_a_portion_costs_two_round_trips(parts: Parts, board: str) -> None:
    pauses: list[None] = []
    hall = Hall(parts, board, 30, 10, pause=lambda: pauses.append(None))  # few enough to be asked for in one write
    hall.broadcaster.tick()
    for portion, portions in ((module.PORTION, 2), (10_000, 1)):
        pauses.clear()
        hall.post(portion)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "PORTION", portion)
            assert trips(parts.client, hall.broadcaster.tick) == 2 * portions
        assert len(pauses) == portions - 1


def test_who_comes_and_goes_between_two_portions_sees_what_is_there(parts: Parts, board: str) -> None:
    """Each picture checks that frames follow each other, and belong to the life of the topic that it watches."""
    turns: list[list[str]] = []

    def meanwhile() -> None:
        shown = [frame["topic"] for _, frame, _ in hall.sent]
        turns.append(shown)
        anew, left, watched = (100 - 3 * len(turns) + n for n in range(3))  # all in the last portion
        hall.gone(f"v{anew}")
        assert hall.subscribe(f"v{anew}", hall.topics[anew]).rows == hall.top(hall.topics[anew])
        hall.unsubscribe(f"v{left}", hall.topics[left])
        assert hall.broadcaster.subscribe_now("late", parse_topic(hall.topics[watched]), 10), "somebody has the turn"
        assert hall.broadcaster.unsubscribe_now("late", parse_topic(hall.topics[watched]))
        for topic in (shown[0], shown[-1]):
            n = hall.topics.index(topic)
            hall.broadcaster.sync(f"v{n}", parse_topic(topic), last[n].position, timeout_s=0)
            assert hall.pictures[f"v{n}", topic].rows == hall.top(topic)

    hall = Hall(parts, board, 100, 10, pause=meanwhile)
    last = hall.post(5000)
    hall.broadcaster.tick()
    assert [len(shown) for shown in turns] == [20, 40, 60, 80]
    assert len(hall.pictures) == 96
    assert all(picture.rows == hall.top(topic) for (_, topic), picture in hall.pictures.items())
    assert len(hall.sent) == 100 - 4 - 4, "who left is shown nothing, who came anew has it from the answer"
