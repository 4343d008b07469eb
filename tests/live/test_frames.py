"""Frames against the API: whatever happens to a board, every viewer's picture is equal to the top that HTTP gives.

Random writes, removals, deletions and new lives of the board, days that end, viewers who come, go and change their limit.
The board's life is another process's as far as the broadcaster is concerned: it remembers settings by itself.
"""

import uuid
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dashboard.core.clock import Clock
from dashboard.errors import BoardConflict, BoardNotFound, InvalidInput, NotSubscribed, PlayerNotFound, ScorecastError
from dashboard.parts import Parts
from dashboard.values import BoardSettings, Score
from tests.live.stage import Frame, Stage

DAY_MS = 86_400_000
DAYS = 3
KINDS = ("all", "day")

players = st.sampled_from(["a", "b", "c", "d", "e", "é", "李", "Z"])
orders = st.sampled_from(["desc", "asc"])
rules = st.sampled_from(["best", "last", "sum"])
viewers = st.sampled_from(["v", "w", "x"])


class Screens(RuleBasedStateMachine):
    """`today` counts days from DAYS ago; scores are stamped, so that they lie in the day that the clock shows."""

    parts: ClassVar[Parts]
    frames: ClassVar[int] = 0

    def make_stage(self) -> Stage:
        return Stage(self.parts.client, Clock(lambda: self.start_ms + self.today * DAY_MS))

    @initialize(order=orders, how=rules)
    def begin(self, order: Any, how: Any) -> None:
        self.board = f"screens-{uuid.uuid4().hex[:10]}"
        self.start_ms = self.parts.clock.now_ms() - DAYS * DAY_MS
        self.today = 0
        self.stage = self.make_stage()
        self.limits: dict[tuple[str, str], int] = {}
        self.declare(order, how, ("all", "day"))
        for viewer, kind, limit in (("v", "all", 1000), ("w", "all", 2), ("x", "day", 5)):
            self.subscribe(viewer, kind, limit)

    @rule(order=orders, how=rules, periods=st.sampled_from([("all",), ("day", "all"), ("all", "day"), ("day",)]))
    def declare(self, order: Any, how: Any, periods: Any) -> None:
        late = BoardSettings(order=order, rule=how, periods=periods, late_s=30 * 86_400, keep=1000)
        try:
            self.parts.boards.put(self.board, late)
        except BoardConflict:
            return

    @rule(batch=st.lists(st.tuples(players, st.integers(-3, 9)), min_size=1, max_size=6))
    def submit(self, batch: list[tuple[str, int]]) -> None:
        self.parts.scores.submit(self.board, [Score(p, s, self.stage.clock.now_ms()) for p, s in batch])

    @rule(player=players)
    def remove(self, player: str) -> None:
        try:
            self.parts.removals.remove(self.board, player, reason="test", by="test")
        except (PlayerNotFound, BoardNotFound):
            return

    @rule()
    def delete(self) -> None:
        try:
            self.parts.boards.delete(self.board)
        except BoardNotFound:
            return

    @rule(order=orders, batch=st.lists(st.tuples(players, st.integers(-3, 9)), max_size=6))
    def live_again(self, order: Any, batch: list[tuple[str, int]]) -> None:
        """A new life between two ticks, perhaps with the same rows."""
        self.delete()
        self.declare(order, "best", ("all", "day"))
        for pair in batch:
            self.submit([pair])

    @precondition(lambda self: self.today < DAYS)
    @rule()
    def sleep(self) -> None:
        """The next day."""
        self.today += 1
        self.stage.broadcaster.ring_all()

    @rule(viewer=viewers, kind=st.sampled_from(KINDS), limit=st.sampled_from([1, 2, 5, 1000]))
    def subscribe(self, viewer: str, kind: str, limit: int) -> None:
        topic = f"board:{self.board}:{kind}"
        try:
            self.stage.subscribe(viewer, topic, limit)
        except InvalidInput:
            assert kind not in self.parts.boards.get(self.board).settings.periods
            return
        self.limits[viewer, topic] = limit

    @rule(viewer=viewers, kind=st.sampled_from(KINDS))
    def unsubscribe(self, viewer: str, kind: str) -> None:
        try:
            self.stage.unsubscribe(viewer, f"board:{self.board}:{kind}")
        except NotSubscribed:
            return

    @rule(viewer=viewers)
    def leave(self, viewer: str) -> None:
        self.stage.gone(viewer)

    @rule(player=players, scores=st.lists(st.integers(-3, 9), min_size=2, max_size=6))
    def climb(self, player: str, scores: list[int]) -> None:
        """One player's scores, each shown."""
        for score in scores:
            self.submit([(player, score)])
            self.tick()

    def tick(self) -> None:
        self.stage.broadcaster.ring(self.board)
        self.stage.broadcaster.tick()

    @invariant()
    def pictures_are_equal_to_the_api(self) -> None:
        if hasattr(self, "board"):
            self.look()

    def look(self) -> None:
        self.tick()
        for (viewer, topic), picture in self.stage.pictures.items():
            expected, count = self.top(topic.rpartition(":")[2], self.limits[viewer, topic])
            assert picture.rows == expected
            assert picture.players == count

    def top(self, kind: str, limit: int) -> tuple[list[dict[str, Any]], int]:
        try:
            page = self.parts.rankings.top(self.board, kind, limit=limit, at_ms=self.stage.clock.now_ms())
        except (BoardNotFound, InvalidInput):
            return [], 0
        return [row.as_dict() for row in page.rows], page.players

    def teardown(self) -> None:
        if hasattr(self, "board"):
            type(self).frames += len(self.stage.sent)
            self.delete()


class OneFrameLost(Screens):
    """The control: the network swallows every fourth frame."""

    def make_stage(self) -> Stage:
        class Leaky(Stage):
            def _emit(self, event: str, frame: Frame, room: str, whole: Any) -> None:
                if len(self.sent) % 4 == 3:
                    self.sent.append((event, frame, room))
                else:
                    super()._emit(event, frame, room, whole)

        return Leaky(self.parts.client, Clock(lambda: self.start_ms + self.today * DAY_MS))


class YesterdayForever(Screens):
    """The control: a judge that knows no periods."""

    def top(self, kind: str, limit: int) -> tuple[list[dict[str, Any]], int]:
        return super().top("all", limit)


EXAMPLES = settings(
    max_examples=120,
    stateful_step_count=15,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def test_every_picture_is_equal_to_the_api(parts: Parts) -> None:
    Screens.parts, Screens.frames = parts, 0
    run_state_machine_as_test(Screens, settings=EXAMPLES)
    assert Screens.frames > 200


@pytest.mark.soak
def test_every_picture_is_equal_to_the_api_for_long(parts: Parts) -> None:
    Screens.parts = parts
    run_state_machine_as_test(Screens, settings=settings(EXAMPLES, max_examples=5000, stateful_step_count=40))


@pytest.mark.parametrize("wrong", [OneFrameLost, YesterdayForever])
def test_control_what_is_wrong_is_found_out(parts: Parts, wrong: type[Screens]) -> None:
    wrong.parts = parts
    quick = settings(EXAMPLES, report_multiple_bugs=False, phases=[Phase.generate], print_blob=False, database=None)
    with pytest.raises((AssertionError, ScorecastError)):
        run_state_machine_as_test(wrong, settings=quick)
