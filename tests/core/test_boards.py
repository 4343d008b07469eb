"""Boards: declared, changed, deleted, and what processes see of each other's changes."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from dashboard.core.boards import ABSENT, Boards
from dashboard.core.periods import period
from dashboard.core.rankings import Rankings
from dashboard.core.removals import Removals
from dashboard.core.scores import Scores
from dashboard.errors import (
    BoardConflict,
    BoardNotDeclared,
    BoardNotFound,
    InvalidInput,
    PlayerNotFound,
    ScorecastError,
)
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.store.scripts import Scripts
from dashboard.values import MAX_SCORE, BoardSettings, Column, Mark, PeriodKind, Result, Review, Score
from tests.core.times import DAY_MS, away_from_midnight, store_ms, with_host_clock
from tests.store.trips import trips
from tests.stored import stored

DEFAULT = BoardSettings()


def another(parts: Parts, scripts: Scripts | None = None, *, declared_only: bool = False) -> Parts:
    """Another process on the same store: it remembers nothing, and what it learns is its own."""
    scripts = scripts or Scripts(parts.client)
    boards = Boards(parts.client, scripts, parts.clock, declared_only=declared_only)
    scores = Scores(scripts, boards, parts.clock)
    return replace(
        with_host_clock(parts, 0),
        boards=boards,
        scores=scores,
        rankings=Rankings(parts.client, scripts, boards, parts.clock),
        removals=Removals(parts.client, scripts, boards, scores),
    )


class Interrupted(Scripts):
    """Scripts of a process that is overtaken: just before it first calls one of that name, `meanwhile` happens."""

    def __init__(self, parts: Parts, name: str, meanwhile: Callable[[], object]) -> None:
        super().__init__(parts.client)
        self._name = name
        self._meanwhile: Callable[[], object] | None = meanwhile

    def write(self, name: str, keys: Sequence[str], args: Sequence[str | int | bytes]) -> Any:
        if name == self._name and self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            meanwhile()
        return super().write(name, keys, args)


def submit(parts: Parts, board: str, player: str, score: int) -> int:
    """What the board then holds for the player."""
    result = parts.scores.submit(board, [Score(player, score)])[0]
    assert isinstance(result, Result)
    assert result.score is not None
    return result.score


def rows(parts: Parts, board: str, kind: str = "all") -> list[str]:
    return [row.player for row in parts.rankings.top(board, kind).rows]


def listed(parts: Parts, board: str) -> bool:
    return board in [other.name for other in parts.boards.all()]


# Declaring and changing ------------------------------------------------------------------------------------------------


def test_to_put_a_board_twice_is_to_put_it_once(parts: Parts, board: str) -> None:
    wanted = BoardSettings("asc", "sum", "plain", ("day", "all"), 5, 2, "Größte 🏆", "s")
    first, new = parts.boards.put(board, wanted)
    assert new
    assert first.settings == wanted
    second, new = parts.boards.put(board, wanted)
    assert not new
    assert second == first
    assert another(parts).boards.get(board) == first


RE_RANKING = [("order", "asc"), ("rule", "sum"), ("rule", "last")]
HARMLESS = [("periods", ("all", "week")), ("late_s", 0), ("keep", 1), ("title", "t"), ("unit", "u")]


@pytest.mark.parametrize(("field", "value"), RE_RANKING)
def test_what_would_rank_scores_anew_is_refused_once_there_are_scores(
    field: str, value: Any, parts: Parts, board: str
) -> None:
    changed = replace(DEFAULT, **{field: value})
    parts.boards.put(board, DEFAULT)
    parts.boards.put(board, changed)  # no scores yet
    parts.boards.put(board, DEFAULT)
    submit(parts, board, "a", 1)
    before = stored(parts.client, board)
    with pytest.raises(BoardConflict, match=f"changing {field} would rank them anew") as refused:
        parts.boards.put(board, replace(changed, title="t"))
    assert refused.value.evidence == {"fields": [field]}
    assert stored(parts.client, board) == before
    with pytest.raises(BoardConflict):
        another(parts).boards.put(board, changed)


@pytest.mark.parametrize(("field", "value"), HARMLESS)
def test_other_changes_are_taken_with_scores_too(field: str, value: Any, parts: Parts, board: str) -> None:
    submit(parts, board, "a", 1)
    changed = replace(DEFAULT, **{field: value})
    stored_board, new = parts.boards.put(board, changed)
    assert not new
    assert stored_board.settings == changed
    assert rows(parts, board) == ["a"]
    assert submit(parts, board, "b", 2) == 2


def test_an_undeclared_board_is_made_by_its_first_score_with_the_defaults(parts: Parts, board: str) -> None:
    with pytest.raises(BoardNotFound):
        parts.boards.get(board)
    submit(parts, board, "a", 1)
    assert parts.boards.get(board).settings == DEFAULT
    assert listed(parts, board)


def test_where_boards_must_be_declared_a_score_makes_none(parts: Parts, board: str) -> None:
    strict = another(parts, declared_only=True)
    with pytest.raises(BoardNotDeclared, match="PUT it first"):
        submit(strict, board, "a", 1)
    assert stored(parts.client, board) == {}
    assert not listed(parts, board)
    strict.boards.put(board, DEFAULT)
    assert submit(strict, board, "a", 1) == 1
    another(parts).boards.delete(board)  # remembered here, gone there
    with pytest.raises(BoardNotDeclared):
        submit(strict, board, "a", 1)
    assert stored(parts.client, board) == {}


# Two processes ---------------------------------------------------------------------------------------------------------


class Blind(Scripts):
    """The control: scripts that are told the revision they want to hear, so that old settings are never found out."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.client)
        self._client = parts.client

    def write(self, name: str, keys: Sequence[str], args: Sequence[str | int | bytes]) -> Any:
        if name == "submit_scores":
            args = [self._client.hget(keys[0], "revision").decode(), *args[1:]]
        return super().write(name, keys, args)


def _sum_after_the_rule_became_sum(parts: Parts, board: str, scripts: Scripts) -> int:
    mine, theirs = another(parts, scripts), another(parts)
    mine.boards.put(board, BoardSettings(rule="best"))
    theirs.boards.put(board, BoardSettings(rule="sum"))
    submit(mine, board, "a", 5)
    return submit(mine, board, "a", 5)


def test_a_rule_that_another_process_changed_holds_from_the_next_score_on(parts: Parts, board: str) -> None:
    assert _sum_after_the_rule_became_sum(parts, board, Scripts(parts.client)) == 10


def test_control_without_the_revision_the_old_rule_would_be_applied(parts: Parts, board: str) -> None:
    assert _sum_after_the_rule_became_sum(parts, board, Blind(parts)) == 5


def test_a_period_that_another_process_added_counts_from_the_next_score_on(parts: Parts, board: str) -> None:
    mine, theirs = another(parts), another(parts)
    submit(mine, board, "a", 1)
    theirs.boards.put(board, BoardSettings(periods=("all", "day")))
    submit(mine, board, "b", 2)
    assert rows(theirs, board, "day") == ["b"]


READS: list[Callable[[Parts, str], list[str]]] = [
    lambda parts, board: rows(parts, board),
    lambda parts, board: [row.player for row in parts.rankings.around(board, "b").rows],
    lambda parts, board: [row.player for row in parts.rankings.standings(board, ["a", "b"]).rows],
    lambda parts, board: sorted("ab", key=lambda player: parts.rankings.player(board, player).rank),
]


@pytest.mark.parametrize("read", READS, ids=["top", "around", "standings", "player"])
def test_readers_follow_a_board_that_another_process_made_anew(
    read: Callable[[Parts, str], list[str]], parts: Parts, board: str
) -> None:
    mine, theirs = another(parts), another(parts)
    theirs.scores.submit(board, [Score("a", 1), Score("b", 2)])
    assert read(mine, board) == ["b", "a"]
    theirs.boards.delete(board)
    theirs.boards.put(board, BoardSettings(order="asc"))
    theirs.scores.submit(board, [Score("a", 1), Score("b", 2)])
    assert read(mine, board) == ["a", "b"]


def test_a_board_that_another_process_deleted_is_not_found_by_any_reader(parts: Parts, board: str) -> None:
    theirs = another(parts)
    calls: list[Callable[[Parts], object]] = [
        lambda mine: mine.rankings.top(board),
        lambda mine: mine.rankings.around(board, "a"),
        lambda mine: mine.rankings.player(board, "a"),
        lambda mine: mine.rankings.standings(board, ["a"]),
        lambda mine: mine.analytics.history(board, "all"),
        lambda mine: mine.boards.fresh(board),
        lambda mine: mine.boards.delete(board),
        lambda mine: mine.removals.remove(board, "a", reason="r", by="b"),
    ]
    for call in calls:
        mine = with_host_clock(parts, 0)
        submit(mine, board, "a", 1)
        assert mine.boards.get(board).name == board
        theirs.boards.delete(board)
        with pytest.raises(BoardNotFound):
            call(mine)
    assert stored(parts.client, board) == {}


def test_settings_are_shown_as_stored_whoever_changed_them(parts: Parts, board: str) -> None:
    mine, theirs = another(parts), another(parts)
    submit(mine, board, "a", 1)
    theirs.boards.put(board, BoardSettings(title="new"))
    assert mine.boards.get(board).settings.title is None  # remembered; no script has complained yet
    shown = mine.boards.fresh(board)
    assert (shown.settings.title, shown.players) == ("new", 1)
    assert mine.boards.get(board).settings.title == "new"


def test_two_processes_that_declare_a_board_at_once_agree_on_one(parts: Parts, board: str) -> None:
    theirs = another(parts)
    wanted = BoardSettings(rule="sum")
    mine = another(parts, Interrupted(parts, "put_board", lambda: theirs.boards.put(board, wanted)))
    assert mine.boards.put(board, wanted) == (theirs.boards.get(board), False)
    name = f"{board}-2"
    mine = another(parts, Interrupted(parts, "put_board", lambda: theirs.boards.put(name, wanted)))
    assert submit(mine, name, "a", 1) == 1  # would make it with the defaults
    assert submit(mine, name, "a", 1) == 2


def test_a_change_that_meets_the_first_score_is_a_conflict(parts: Parts, board: str) -> None:
    theirs = another(parts)
    theirs.boards.put(board, DEFAULT)
    mine = another(parts, Interrupted(parts, "put_board", lambda: submit(theirs, board, "a", 1)))
    with pytest.raises(BoardConflict):
        mine.boards.put(board, BoardSettings(rule="sum"))


# Deleting --------------------------------------------------------------------------------------------------------------


def fill(parts: Parts, board: str, kinds: tuple[PeriodKind, ...] = ("all", "day", "week", "month")) -> None:
    """A board with every key that a board can have."""
    parts.boards.put(board, BoardSettings(rule="sum", periods=kinds))
    parts.scores.load(board, [Score("a", 1), Score("b", 1)], Mark("i", "", "1"))
    parts.client.hset(keys.board(board), "bucket", "1")  # as if some time had passed since
    submit(parts, board, "a", 1)
    parts.removals.remove(board, "b", reason="r", by="b")


def test_a_deleted_board_leaves_nothing_behind(parts: Parts, board: str) -> None:
    neighbour = f"{board}:rank:all"
    for name in (board, neighbour):
        fill(parts, name)
    assert len(stored(parts.client, board)) == 7 + 5
    before = stored(parts.client, neighbour)
    parts.boards.delete(board)
    assert stored(parts.client, board) == {}
    assert not listed(parts, board)
    assert parts.boards.versions([board]) == [ABSENT]
    for call in (parts.boards.get, parts.boards.delete, parts.boards.fresh, parts.rankings.top):
        with pytest.raises(BoardNotFound, match=board):
            call(board)
    assert stored(parts.client, neighbour) == before  # a name that looks like one of our keys is a name
    assert rows(parts, neighbour) == ["a"]


def test_a_board_made_again_begins_at_nothing(parts: Parts, board: str) -> None:
    fill(parts, board)
    first = parts.boards.versions([board])[0]
    parts.boards.delete(board)
    parts.boards.put(board, BoardSettings(order="asc"))
    second = parts.boards.versions([board])[0]
    assert (second.number, second.positions, second.scores) == (0, ("0-0",), 0)
    assert second.revision != first.revision
    assert rows(parts, board) == []
    assert parts.scores.mark(board, "i") == ""
    parts.boards.put(board, BoardSettings(rule="sum"))  # without scores it may change again


def test_a_board_that_changes_hands_while_it_is_deleted_is_deleted_whole(parts: Parts, board: str) -> None:
    theirs = another(parts)

    def meanwhile() -> None:
        theirs.boards.delete(board)
        fill(theirs, board, ("day",))  # as many rankings as before, but others

    fill(parts, board, ("all",))
    another(parts, Interrupted(parts, "delete_board", meanwhile)).boards.delete(board)
    assert stored(parts.client, board) == {}


def test_a_period_that_opens_while_its_board_is_deleted_is_deleted_too(parts: Parts, board: str) -> None:
    theirs = another(parts)

    def meanwhile() -> None:
        yesterday = store_ms(parts.client) - DAY_MS
        assert isinstance(theirs.scores.submit(board, [Score("a", 1, yesterday)])[0], Result)

    parts.boards.put(board, BoardSettings(periods=("all", "day"), late_s=2 * DAY_MS // 1000))
    submit(parts, board, "a", 1)
    another(parts, Interrupted(parts, "delete_board", meanwhile)).boards.delete(board)
    assert stored(parts.client, board) == {}


def test_a_player_is_removed_from_a_board_that_changes_hands_meanwhile(parts: Parts, board: str) -> None:
    theirs = another(parts)

    def meanwhile() -> None:
        theirs.boards.delete(board)
        fill(theirs, board, ("day",))

    fill(parts, board, ("all",))
    another(parts, Interrupted(parts, "remove_player", meanwhile)).removals.remove(board, "a", reason="r", by="b")
    assert rows(theirs, board, "day") == []
    with pytest.raises(PlayerNotFound):
        theirs.removals.remove(board, "a", reason="r", by="b")


def test_a_board_made_while_it_is_struck_off_the_list_is_listed(parts: Parts, board: str) -> None:
    def meanwhile() -> None:
        with suppress(BoardNotFound):
            another(parts).boards.delete(board)

    submit(another(parts, Interrupted(parts, "put_board", meanwhile)), board, "a", 1)
    assert listed(parts, board)


def test_deleting_and_scoring_at_once_leaves_no_key_without_its_board_and_no_board_off_the_list(
    parts: Parts, board: str
) -> None:
    deadline = time.monotonic() + 2
    choices: list[tuple[PeriodKind, ...]] = [("all",), ("day",), ("week", "all"), ("month", "day", "all")]
    done: list[str | None] = []
    failures: list[BaseException] = []

    def repeat(act: Callable[[Parts], str | None]) -> None:
        process = another(parts)
        try:
            while time.monotonic() < deadline:
                done.append(act(process))
        except ScorecastError as error:
            failures.append(error)

    def score(process: Parts) -> str:
        process.scores.submit(board, [Score(f"p{time.monotonic_ns() % 50}", 1) for _ in range(5)])
        return "scores"

    def delete(process: Parts) -> str | None:
        try:
            process.boards.delete(board)
        except BoardNotFound:
            return None
        return "deleted"

    def declare(process: Parts) -> str:
        process.boards.put(board, BoardSettings(periods=choices[time.monotonic_ns() // 1000 % len(choices)]))
        return "declared"

    def check() -> None:
        found = stored(parts.client, board)
        if keys.board(board) not in found:
            assert found == {}
            return
        rankings = {key for key in found if key.startswith(keys.ranking(board, ""))}
        ids, _ = found.get(keys.periods(board), (set(), -1))
        assert rankings == {keys.ranking(board, id.decode()) for id in ids}
        assert listed(parts, board)

    acts = (score, score, delete, declare)
    threads = [threading.Thread(target=repeat, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert min(done.count(act) for act in ("scores", "deleted", "declared")) > 20
    check()
    submit(parts, board, "a", 1)
    check()
    parts.boards.delete(board)
    assert stored(parts.client, board) == {}


# Looking ---------------------------------------------------------------------------------------------------------------


def test_all_boards_are_listed_by_name_with_the_players_of_their_first_period(parts: Parts, board: str) -> None:
    away_from_midnight(parts.client)
    for name, kinds in ((f"{board}.b", ("day", "all")), (f"{board}.a", ("all", "day")), (f"{board}.c", ("all",))):
        parts.boards.put(name, BoardSettings(periods=kinds, late_s=10**7))  # type: ignore[arg-type]
    yesterday = store_ms(parts.client) - DAY_MS
    for name in (f"{board}.a", f"{board}.b"):
        parts.scores.submit(name, [Score("a", 1, yesterday), Score("b", 1)])
    mine = [found for found in parts.boards.all() if found.name.startswith(board)]
    assert [(found.name, found.players) for found in mine] == [(f"{board}.a", 2), (f"{board}.b", 1), (f"{board}.c", 0)]
    assert [found.settings.periods[0] for found in mine] == ["all", "day", "all"]
    assert [parts.boards.fresh(found.name) for found in mine] == mine
    assert parts.boards.with_players(parts.boards.get(f"{board}.a")).players == 2


def test_names_of_every_allowed_form_are_boards_of_their_own(parts: Parts, board: str) -> None:
    names = [f"{board}{end}" for end in ("", ":", ":periods", ":rank:all", ".", "-", "_", "X", "x", "x" * (64 - 17))]
    for number, name in enumerate(names):
        submit(parts, name, f"p{number}", number)
    assert [rows(parts, name) for name in names] == [[f"p{number}"] for number in range(len(names))]
    assert {found.name for found in parts.boards.all() if found.name.startswith(board)} == set(names)


def test_hundreds_of_boards_are_listed_in_three_round_trips(parts: Parts, board: str) -> None:
    for number in range(300):
        parts.boards.put(f"{board}-{number:03}", DEFAULT)
    calls: list[str] = []
    counted = Boards(_Counting(parts.client, calls), Scripts(parts.client), parts.clock)
    found = [other.name for other in counted.all() if other.name.startswith(board)]
    assert found == [f"{board}-{number:03}" for number in range(300)]
    assert len(calls) == 3


def test_the_versions_of_a_hundred_boards_are_read_in_one_round_trip(parts: Parts, board: str) -> None:
    names = [f"{board}-{number:02}" for number in range(100)]
    for name in names:
        parts.boards.put(name, DEFAULT)
    versions = parts.boards.versions([*names, "nobody's"])
    assert versions[-1] == ABSENT
    assert len({version.revision for version in versions}) == 101
    assert trips(parts.client, lambda: parts.boards.versions(names)) == 1
    assert trips(parts.client, lambda: [parts.boards.versions([name]) for name in names]) == 100  # control


class _Counting:
    """A client that notes what is asked of it: commands, and pipelines as one."""

    def __init__(self, client: Any, calls: list[str]) -> None:
        self._client = client
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        self._calls.append(name)
        return getattr(self._client, name)


def test_a_board_without_a_period_of_that_kind_says_which_it_has(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(periods=("week", "day")))
    with pytest.raises(InvalidInput, match="it has week, day"):
        parts.rankings.top(board, "all")
    submit(parts, board, "a", 1)
    week = period("week", store_ms(parts.client))
    assert parts.rankings.top(board, "week").period == week.id


def test_what_comes_together_at_a_restoration_stays_within_what_a_player_may_hold(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule="sum", max=10, columns=(Column("a"), Column("b", "asc"))))
    score = Score("x", 8, columns={"a": -MAX_SCORE, "b": MAX_SCORE})
    parts.scores.submit(board, [score])
    parts.removals.remove(board, "x", reason="r", by="o")
    parts.scores.submit(board, [score])
    parts.removals.restore(board, "x", reason="r", by="o")
    (row,) = parts.rankings.top(board).rows
    assert (row.player, row.score, dict(row.columns)) == ("x", 10, dict(score.columns))


def test_a_batch_of_a_hidden_player_with_a_long_record_holds_nobody_up(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule="sum", periods=("hour", "all"), late_s=366 * 86_400))
    now_ms = store_ms(parts.client)
    scores = [Score("x", 1, now_ms - 8 * 3_600_000 * i, data=json.dumps("x" * 1000)) for i in range(1000)]
    parts.scores.submit(board, scores[:1])
    parts.removals.remove(board, "x", reason="r", by="o", hide=True)
    parts.client.config_resetstat()
    results = parts.scores.submit(board, scores)
    counts = parts.client.info("commandstats")
    assert (counts["cmdstat_hget"]["calls"], counts["cmdstat_hset"]["calls"]) == (1, 1)
    assert all(isinstance(result, Result) and result.rank is None for result in results)
    parts.removals.restore(board, "x", reason="r", by="o")
    assert parts.rankings.player(board, "x").score == 1001
    assert parts.rankings.player(board, "x", "hour", at_ms=scores[0].at_ms).score == 2


def test_columns_are_fixed_while_scores_wait_for_review(parts: Parts, board: str) -> None:
    settings = BoardSettings(review=Review(above=10), columns=(Column("a"), Column("b")))
    parts.boards.put(board, settings)
    parts.scores.submit(board, [Score("x", 99, columns={"a": 1, "b": 2})])
    with pytest.raises(BoardConflict):
        parts.boards.put(board, replace(settings, columns=settings.columns[::-1]))
    (waiting,) = parts.removals.waiting(board)
    parts.removals.decide(board, waiting["id"], approve=False, by="o")
    parts.boards.put(board, replace(settings, columns=settings.columns[::-1]))
