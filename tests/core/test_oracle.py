"""The boards against an oracle: sorted Python lists that do the same, step by step, on the real server.

Every rule, order and period; single scores, batches with bad items, removals; rank, score, top, pages by cursor, around,
standings and percentile must be equal after every step.
"""

import time
import uuid
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from dashboard.core.periods import period
from dashboard.errors import PlayerNotFound, ScoreOutOfRange
from dashboard.parts import Parts
from dashboard.values import MAX_SCORE, BoardSettings, PeriodKind, Result, Score, Standing

KINDS: tuple[PeriodKind, ...] = ("all", "day", "week", "month")
NOW_MS = int(time.time() * 1000)
BOUNDS = [period(kind, NOW_MS).start_ms for kind in KINDS[1:]]
INSTANTS = sorted({NOW_MS, *BOUNDS, *(ms - 1 for ms in BOUNDS), *(ms - 40 * 86_400_000 for ms in BOUNDS)})

players = st.sampled_from(["a", "b", "ab", "Z", "é", "Ω", "李", "😀", "%s", "{x}", " ", "a b", "\u200f", "0"])
points = st.one_of(st.integers(-3, 3), st.integers(-MAX_SCORE, MAX_SCORE), st.sampled_from([MAX_SCORE, -MAX_SCORE]))
instants = st.sampled_from(INSTANTS)


class Oracle(RuleBasedStateMachine):
    """`ranked` is what a sorted set promises: by score, then by the bytes of the name."""

    parts: ClassVar[Parts]
    examples: ClassVar[int] = 0

    @initialize(
        order=st.sampled_from(["desc", "asc"]),
        how=st.sampled_from(["best", "last", "sum"]),
        kinds=st.permutations(KINDS).flatmap(lambda kinds: st.integers(1, 4).map(lambda n: tuple(kinds[:n]))),
    )
    def declare(self, order: Any, how: Any, kinds: Any) -> None:
        type(self).examples += 1
        self.board = f"oracle-{uuid.uuid4().hex[:10]}"
        self.settings = BoardSettings(order=order, rule=how, periods=kinds, late_s=400 * 86_400, keep=1000)
        self.parts.boards.put(self.board, self.settings)
        self.held: dict[str, dict[str, int]] = {}
        self.version = 0

    def ranked(self, period_id: str) -> list[Standing]:
        down = self.settings.order == "desc"
        pairs = sorted(((s, p.encode(), p) for p, s in self.held.get(period_id, {}).items()), reverse=down)
        return [Standing(i, player, score) for i, (score, _, player) in enumerate(pairs, 1)]

    def outcome(self, old: int | None, new: int) -> int:
        if old is None or self.settings.rule == "last":
            return new
        if self.settings.rule == "sum":
            return old + new
        return max(old, new) if self.settings.order == "desc" else min(old, new)

    def expect(self, score: Score) -> tuple[int, int, int | None, bool, int] | None:
        """Apply one score to the oracle; (score, rank, rank before, changed, players), None where the sum overflows."""
        ids = [period(kind, score.at_ms or NOW_MS).id for kind in self.settings.periods]
        new = {id: self.outcome(self.held.get(id, {}).get(score.player), score.score) for id in ids}
        if any(abs(value) > MAX_SCORE for value in new.values()):
            return None
        before = next((row.rank for row in self.ranked(ids[0]) if row.player == score.player), None)
        changed = any(self.held.get(id, {}).get(score.player) != value for id, value in new.items())
        for id, value in new.items():
            self.held.setdefault(id, {})[score.player] = value
        rank = next(row.rank for row in self.ranked(ids[0]) if row.player == score.player)
        return new[ids[0]], rank, before, changed, len(self.held[ids[0]])

    @rule(batch=st.lists(st.tuples(players, points, instants), min_size=1, max_size=8))
    def submit(self, batch: list[tuple[str, int, int]]) -> None:
        scores = [Score(player, score, at_ms) for player, score, at_ms in batch]
        results = self.parts.scores.submit(self.board, scores)
        changed_any = False
        for score, result in zip(scores, results, strict=True):
            expected = self.expect(score)
            if expected is None:
                assert isinstance(result, ScoreOutOfRange)
                continue
            assert isinstance(result, Result)
            changed_any |= expected[3]
            assert (result.score, result.rank, result.previous_rank, result.changed, result.players) == expected
        self.version += changed_any

    @rule(player=players, score=points)
    def submit_now(self, player: str, score: int) -> None:
        """Without a time of its own a score counts in the periods that are open now."""
        if period("day", int(time.time() * 1000)) != period("day", NOW_MS):
            return  # midnight came during the run; the oracle's "now" is of yesterday
        results = self.parts.scores.submit(self.board, [Score(player, score)])
        expected = self.expect(Score(player, score, NOW_MS))
        if expected is None:
            assert isinstance(results[0], ScoreOutOfRange)
            return
        assert isinstance(results[0], Result)
        assert (results[0].score, results[0].rank, results[0].previous_rank) == expected[:3]
        self.version += expected[3]

    @rule(player=players)
    def remove(self, player: str) -> None:
        present = [id for id, held in self.held.items() if player in held]
        if present:
            self.parts.scores.remove(self.board, player, reason="test", by="oracle")
            self.version += 1
        else:
            with pytest.raises(PlayerNotFound):
                self.parts.scores.remove(self.board, player, reason="test", by="oracle")
        for id in present:
            del self.held[id][player]

    @rule(player=players, at_ms=instants, radius=st.integers(0, 4), which=st.integers(0, 3))
    def look_up(self, player: str, at_ms: int, radius: int, which: int) -> None:
        kind = self.settings.periods[which % len(self.settings.periods)]
        rows = self.ranked(period(kind, at_ms).id)
        mine = next((row for row in rows if row.player == player), None)
        page = self.parts.rankings.standings(self.board, [player, "nobody"], kind, at_ms=at_ms)
        assert page.rows == ((mine,) if mine else ())
        assert page.missing == (("nobody",) if mine else (player, "nobody"))
        if mine is None:
            with pytest.raises(PlayerNotFound):
                self.parts.rankings.player(self.board, player, kind, at_ms=at_ms)
            return
        place = self.parts.rankings.player(self.board, player, kind, at_ms=at_ms)
        below = len(rows) - mine.rank
        share = 100.0 if len(rows) == 1 else 100 * below / (len(rows) - 1)
        assert (place.rank, place.score, place.players) == (mine.rank, mine.score, len(rows))
        assert place.percentile == pytest.approx(share, abs=1e-4)
        around = self.parts.rankings.around(self.board, player, kind, radius=radius, at_ms=at_ms)
        assert list(around.rows) == rows[max(0, mine.rank - 1 - radius) : mine.rank + radius]

    @rule(at_ms=instants, limit=st.integers(1, 5), which=st.integers(0, 3))
    def leaf_through(self, at_ms: int, limit: int, which: int) -> None:
        kind = self.settings.periods[which % len(self.settings.periods)]
        rows: list[Standing] = []
        cursor = None
        while True:
            page = self.parts.rankings.top(self.board, kind, limit=limit, cursor=cursor, at_ms=at_ms)
            rows += page.rows
            cursor = page.next
            if cursor is None:
                break
            assert len(page.rows) == limit
        assert rows == self.ranked(period(kind, at_ms).id)

    @invariant()
    def tops_are_equal(self) -> None:
        if not hasattr(self, "board"):
            return
        for kind in self.settings.periods:
            page = self.parts.rankings.top(self.board, kind, limit=1000, at_ms=NOW_MS)
            assert list(page.rows) == self.ranked(period(kind, NOW_MS).id)
            assert (page.players, page.version) == (len(page.rows), self.version)

    def teardown(self) -> None:
        if hasattr(self, "board"):
            self.parts.boards.delete(self.board)


class TiesByArrival(Oracle):
    """The control: an oracle that ranks equal scores by who came first, which a sorted set does not."""

    def ranked(self, period_id: str) -> list[Standing]:
        down = self.settings.order == "desc"
        pairs = sorted(self.held.get(period_id, {}).items(), key=lambda pair: -pair[1] if down else pair[1])
        return [Standing(i, player, score) for i, (player, score) in enumerate(pairs, 1)]


class KeepsTheWorst(Oracle):
    """The control: an oracle with the rule `best` upside down."""

    def outcome(self, old: int | None, new: int) -> int:
        if old is not None and self.settings.rule == "best":
            return min(old, new) if self.settings.order == "desc" else max(old, new)
        return super().outcome(old, new)


EXAMPLES = settings(
    max_examples=200,
    stateful_step_count=12,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_boards_equal_the_oracle(parts: Parts) -> None:
    Oracle.parts, Oracle.examples = parts, 0
    run_state_machine_as_test(Oracle, settings=EXAMPLES)
    assert Oracle.examples >= 200


@pytest.mark.soak
def test_boards_equal_the_oracle_for_long(parts: Parts) -> None:
    Oracle.parts, Oracle.examples = parts, 0
    run_state_machine_as_test(Oracle, settings=settings(EXAMPLES, max_examples=5000))


@pytest.mark.parametrize("wrong", [TiesByArrival, KeepsTheWorst])
def test_a_wrong_oracle_is_found_out(parts: Parts, wrong: type[Oracle]) -> None:
    wrong.parts = parts
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            wrong,
            settings=settings(
                EXAMPLES, report_multiple_bugs=False, phases=[Phase.generate], print_blob=False, database=None
            ),
        )


def test_times_of_the_oracle_cross_every_bound() -> None:
    for kind in KINDS[1:]:
        assert len({period(kind, ms).id for ms in INSTANTS}) > 1
