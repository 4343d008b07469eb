"""The boards against an oracle: sorted Python lists that do the same, step by step, on the real server.

Every rule, order, kind of ties and period, columns, bounds; single scores, batches with bad items, conditions, ids sent
again; players removed, hidden and restored. Rank, score, top, pages by cursor, around, standings and percentile must be
equal after every step.
"""

import json
import time
import uuid
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from dashboard.core.cron import season_at
from dashboard.core.periods import period
from dashboard.errors import (
    IdempotencyConflict,
    PlayerNotFound,
    ScorecastError,
    ScoreMismatch,
    ScoreOutOfRange,
    StepTooLarge,
)
from dashboard.parts import Parts
from dashboard.store.once import Once
from dashboard.values import MAX_SCORE, BoardSettings, CalendarKind, Column, PeriodKind, Result, Score, Standing
from tests.core.oracle import SEASON, Book, Outcome, Run, period_id

CALENDAR: tuple[CalendarKind, ...] = ("hour", "day", "week", "month")
KINDS: tuple[PeriodKind, ...] = ("all", *CALENDAR, "season")
NOW_MS = int(time.time() * 1000)
BOUNDS = [period(kind, NOW_MS).start_ms for kind in CALENDAR] + [season_at(SEASON.cron or "", SEASON.zone, NOW_MS)[0]]
INSTANTS = sorted({NOW_MS, *BOUNDS, *(ms - 1 for ms in BOUNDS), *(ms - 40 * 86_400_000 for ms in BOUNDS)})
ERRORS = {"range": ScoreOutOfRange, "match": ScoreMismatch, "step": StepTooLarge}

players = st.sampled_from(["a", "b", "ab", "Z", "é", "Ω", "李", "😀", "%s", "{x}", " ", "a b", "\u200f", "0"])
points = st.one_of(st.integers(-3, 3), st.integers(-MAX_SCORE, MAX_SCORE), st.sampled_from([MAX_SCORE, -MAX_SCORE]))
instants = st.sampled_from(INSTANTS)
orders = st.sampled_from(["desc", "asc"])
extras = st.tuples(
    st.lists(points, min_size=2, max_size=2),
    st.one_of(st.just("any"), st.just("any"), st.just("any"), st.none(), st.integers(-3, 3)),
    st.one_of(st.none(), st.none(), st.sampled_from(['{"hero":"ada"}', "[1]"])),
)


class Oracle(RuleBasedStateMachine):
    """Compares a board with its book."""

    parts: ClassVar[Parts]
    book: ClassVar[type[Book]] = Book
    examples: ClassVar[int] = 0

    @initialize(
        order=orders,
        how=st.sampled_from(["best", "last", "sum"]),
        ties=st.sampled_from(["plain", "first", "shared", "dense"]),
        columns=st.lists(orders, max_size=2),
        bounds=st.one_of(st.just((None, None, None)), st.sampled_from([(0, 5, None), (None, None, 4), (-2, None, 9)])),
        kinds=st.permutations(KINDS).flatmap(lambda kinds: st.integers(1, 4).map(lambda n: tuple(kinds[:n]))),
        shards=st.sampled_from([None, None, 3]),
    )
    def declare(
        self, order: Any, how: Any, ties: Any, columns: list[Any], bounds: Any, kinds: Any, shards: int | None
    ) -> None:
        type(self).examples += 1
        self.board = f"oracle-{uuid.uuid4().hex[:10]}"
        low, high, step = bounds
        self.settings = BoardSettings(
            order=order,
            rule=how,
            ties=ties,
            periods=kinds,
            late_s=400 * 86_400,
            keep=1000,
            columns=tuple(Column(name, way) for name, way in zip("xy", columns, strict=False)),
            min=low,
            max=high,
            max_step=step,
            season=SEASON if "season" in kinds else None,
            shards=shards if ties in ("plain", "shared") else None,
        )
        self.parts.boards.put(self.board, self.settings)
        self.mine = self.book(self.settings)
        self.sent: list[tuple[Score, Result | ScorecastError]] = []
        self.requests: list[tuple[Once, list[Score], list[Result | ScorecastError]]] = []

    def score(self, player: str, points: int, at_ms: int | None, extra: Any) -> Score:
        values, match, data = extra
        columns = {column.name: value for column, value in zip(self.settings.columns, values, strict=False)}
        return Score(player, points, at_ms, columns, None, match, data)

    def check(self, score: Score, result: Result | ScorecastError) -> None:
        """Apply a score to the book, and compare."""
        now_ms = NOW_MS + 1 + self.mine.turn
        expected = self.mine.submit(score, now_ms)
        if isinstance(expected, str):
            assert isinstance(result, ERRORS[expected]), (expected, result)
            return
        assert isinstance(result, Result), result
        found = Outcome(result.score, result.rank, result.previous_rank, result.changed, result.players)
        assert found == expected

    @rule(
        batch=st.lists(st.tuples(players, points, instants, extras), min_size=1, max_size=8),
        known=st.sampled_from(["no", "ids", "key"]),
    )
    def submit(self, batch: list[tuple[str, int, int, Any]], known: str) -> None:
        scores = [self.score(*item) for item in batch]
        if known == "ids":
            scores = [score._replace(id=uuid.uuid4().hex) for score in scores]
        if self.settings.shards:  # a shard does its part of a batch at once: the ranks in between are not the book's
            for score in scores:
                results = self.parts.scores.submit(self.board, [score])
                self.check(score, results[0])
                self.sent += [(score, results[0])] if score.id else []
            return
        version = self.mine.version
        once = Once(uuid.uuid4().hex * 2, "print") if known == "key" else None
        results = self.parts.scores.submit(self.board, scores, once=once)
        for score, result in zip(scores, results, strict=True):
            self.check(score, result)
        self.mine.version = min(self.mine.version, version + 1)  # one step for all
        self.sent += [pair for pair in zip(scores, results, strict=True) if pair[0].id]
        self.requests += [(once, scores, results)] if once else []

    @rule(player=players, score=points, extra=extras)
    def submit_now(self, player: str, score: int, extra: Any) -> None:
        """Without a time of its own a score counts in the periods that are open now."""
        if period("hour", int(time.time() * 1000)) != period("hour", NOW_MS):
            return  # the hour ended during the run; the oracle's "now" is of the one before
        given = self.score(player, score, None, extra)
        self.check(given, self.parts.scores.submit(self.board, [given])[0])

    @rule(which=st.integers(0, 99), other=st.booleans())
    def send_again(self, which: int, other: bool) -> None:
        """The same id: the answer of then, and nothing happens; with another body a conflict."""
        if not self.sent:
            return
        score, answer = self.sent[which % len(self.sent)]
        if other:
            body = {"score": ~score.score} if self.settings.shards else {"player": score.player + "'"}
            again = self.parts.scores.submit(self.board, [score._replace(**body)])[0]
            assert isinstance(again, IdempotencyConflict)
            return
        again = self.parts.scores.submit(self.board, [score])[0]
        if isinstance(answer, Result):
            assert isinstance(again, Result)
            if self.settings.shards:  # which tells ranks as they are now
                again = again._replace(rank=answer.rank, previous_rank=answer.previous_rank, players=answer.players)
            assert again == answer
        else:
            assert (type(again), str(again)) == (type(answer), str(answer))

    @rule(which=st.integers(0, 99), other=st.booleans())
    def send_request_again(self, which: int, other: bool) -> None:
        """The same for a whole request."""
        if not self.requests:
            return
        first, scores, answers = self.requests[which % len(self.requests)]
        once = Once(first.digest, "another" if other else first.print)
        if other:
            with pytest.raises(IdempotencyConflict):
                self.parts.scores.submit(self.board, scores, once=once)
            return
        again = self.parts.scores.submit(self.board, scores, once=once)
        assert once.replayed
        assert [(type(item), str(item)) for item in again] == [(type(item), str(item)) for item in answers]

    @rule(player=players, how=st.sampled_from(["removed", "hidden"]))
    def remove(self, player: str, how: str) -> None:
        def act() -> None:
            self.parts.removals.remove(self.board, player, reason="test", by="oracle", hide=how == "hidden")

        self.act(act, self.mine.remove(player, how))

    @rule(player=players)
    def restore(self, player: str) -> None:
        if self.settings.rule == "sum" and any(
            abs(run.score) > 2**40 for run in self.mine.apart.get(player, ("", {}))[1].values()
        ):
            return  # what was posted since might leave the exact range
        self.act(
            lambda: self.parts.removals.restore(self.board, player, reason="test", by="oracle"),
            self.mine.restore(player),
        )

    @rule(player=players, score=points, at_ms=instants, extra=extras)
    def post_unseen(self, player: str, score: int, at_ms: int, extra: Any) -> None:
        """Hidden, then a score, then restored: what is seen at the end is as if nobody had hidden the player."""
        self.submit([(player, score, at_ms, extra)], False)
        self.remove(player, "hidden")
        self.submit([(player, score, at_ms, extra)], False)
        self.restore(player)

    def act(self, act: Any, done: bool) -> None:
        if done:
            act()
            return
        with pytest.raises(PlayerNotFound):
            act()

    @rule(player=players, at_ms=instants, radius=st.integers(0, 4), which=st.integers(0, 3))
    def look_up(self, player: str, at_ms: int, radius: int, which: int) -> None:
        kind = self.settings.periods[which % len(self.settings.periods)]
        rows = self.mine.rows(period_id(kind, at_ms))
        at = next((i for i, row in enumerate(rows) if row.player == player), None)
        mine = None if at is None else rows[at]
        page = self.parts.rankings.standings(self.board, [player, "nobody"], kind, at_ms=at_ms)
        assert timeless(page.rows) == ([mine] if mine else [])
        assert page.missing == (("nobody",) if mine else (player, "nobody"))
        if mine is None or at is None:
            with pytest.raises(PlayerNotFound):
                self.parts.rankings.player(self.board, player, kind, at_ms=at_ms)
            return
        place = self.parts.rankings.player(self.board, player, kind, at_ms=at_ms)
        share = 100.0 if len(rows) == 1 else 100 * (len(rows) - mine.rank) / (len(rows) - 1)
        assert (place.rank, place.score, place.players) == (mine.rank, mine.score, len(rows))
        assert place.percentile == pytest.approx(share, abs=1e-4)
        around = self.parts.rankings.around(self.board, player, kind, radius=radius, at_ms=at_ms)
        assert timeless(around.rows) == rows[max(0, at - radius) : at + 1 + radius]

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
        assert timeless(rows) == self.mine.rows(period_id(kind, at_ms))

    @invariant()
    def tops_are_equal(self) -> None:
        if not hasattr(self, "board"):
            return
        board = self.parts.boards.get(self.board)
        for kind in self.settings.periods:
            id = period_id(kind, NOW_MS)
            page = self.parts.rankings.top(self.board, kind, limit=1000, at_ms=NOW_MS)
            assert timeless(page.rows) == self.mine.rows(id), (timeless(page.rows), self.mine.rows(id))
            assert (page.players, page.version) == (len(page.rows), self.mine.version)
            [seen] = self.parts.rankings.snapshots([(board, id, 1000)])
            assert seen.rows == page.rows

    def teardown(self) -> None:
        if hasattr(self, "board"):
            self.parts.boards.delete(self.board)


def timeless(rows: Any) -> list[Standing]:
    """Rows as the book has them: what the store says of time is not known to it."""
    assert all(json.dumps(row.as_dict()) for row in rows)
    return [row._replace(at=None) for row in rows]


class TiesByName(Book):
    """The control: equal scores by the names in their own order, whatever the board says."""

    def sorted(self, period_id: str) -> list[tuple[str, Run]]:
        return sorted(self.held.get(period_id, {}).items(), key=lambda row: (self.merit(row[1]), row[0].encode()))


class KeepsTheWorst(Book):
    """The control: the rule `best` upside down."""

    def is_better(self, run: Run, old: Run) -> bool:
        return self.merit(run) > self.merit(old)


class ColumnByColumn(Book):
    """The control: of two runs the best of each column, which nobody ever played."""

    def combine(self, old: Run | None, new: Run) -> Run | None:
        run = super().combine(old, new)
        if run and old and self.settings.rule == "best":
            orders = [max if column.order == "desc" else min for column in self.settings.columns]
            pairs = zip(orders, old.columns, new.columns, strict=True)
            return replace(run, columns=tuple(pick(a, b) for pick, a, b in pairs))
        return run


class ForgetsTheHidden(Book):
    """The control: what a hidden player posts is lost."""

    def submit(self, score: Score, now_ms: int) -> Outcome | str:
        kept = {player: (how, dict(held)) for player, (how, held) in self.apart.items()}
        outcome = super().submit(score, now_ms)
        self.apart = kept
        return outcome


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


@pytest.mark.parametrize("wrong", [TiesByName, KeepsTheWorst, ColumnByColumn, ForgetsTheHidden])
def test_a_wrong_oracle_is_found_out(parts: Parts, wrong: type[Book]) -> None:
    class Wrong(Oracle):
        book = wrong

    Wrong.parts = parts
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            Wrong,
            settings=settings(
                EXAMPLES,
                max_examples=1000,
                report_multiple_bugs=False,
                phases=[Phase.generate],
                print_blob=False,
                database=None,
            ),
        )


def test_times_of_the_oracle_cross_every_bound() -> None:
    for kind in KINDS[1:]:
        assert len({period_id(kind, ms) for ms in INSTANTS}) > 1
