"""Groups and cohorts: whatever happens to players, groups are what a fold over the board's own ranking gives."""

import random
from collections import defaultdict
from collections.abc import Sequence

import pytest

from dashboard.core.calendars import open_periods
from dashboard.errors import BoardConflict, Forbidden, InvalidInput
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.values import MAX_SCORE, BoardSettings, Column, Result, Score, Standing
from tests.core.times import store_ms

GROUPS = ("red", "blue", "größe ☃", "a:of:b")
PLAYERS = [f"p{n}" for n in range(14)]
BOARDS = {
    "sum": BoardSettings(rule="sum", groups="sum", periods=("all", "hour")),
    "best": BoardSettings(rule="last", groups="best", order="asc", ties="first", periods=("hour", "all")),
    "dense": BoardSettings(rule="last", groups="best", ties="dense", columns=(Column("laps", "asc"),)),
    "cohorts": BoardSettings(rule="sum", cohorts=4, ties="shared", periods=("all", "hour")),
}


def among(settings: BoardSettings, rows: Sequence[Standing]) -> list[Standing]:
    """Some rows of a ranking with the ranks that they have among themselves."""
    found: list[Standing] = []
    last, rank = None, 0
    for place, row in enumerate(rows, 1):
        merit = (row.score, row.columns)
        if settings.ties not in ("shared", "dense") or merit != last:
            rank = rank + 1 if settings.ties == "dense" else place
        last = merit
        found.append(row._replace(rank=rank))
    return found


def check(parts: Parts, board: str, settings: BoardSettings, kind: str, group_of: dict[str, str]) -> None:
    """Groups, their members and every player's own place are a fold over the ranking."""
    rows = parts.rankings.top(board, kind, limit=100).rows
    members: dict[str, list[Standing]] = defaultdict(list)
    for row in rows:
        if row.player in group_of:
            members[group_of[row.player]].append(row)
    if settings.groups == "sum":
        totals = {group: sum(row.score for row in mine) for group, mine in members.items()}
    elif settings.groups == "best":
        totals = {group: mine[0].score for group, mine in members.items()}
    else:
        totals = {group: int(group) for group in members}
    down = settings.order == "desc" and settings.cohorts is None
    order = sorted(totals, key=str.encode, reverse=down)
    order.sort(key=lambda group: totals[group], reverse=down)
    wanted = [(group, totals[group], len(members[group])) for group in order]
    table = parts.groups.table(board, kind, limit=100)
    assert [(row.player, row.score, int(row.data or 0)) for row in table.rows] == wanted
    assert [row.rank for row in table.rows] == [
        1 + sum(other < total if not down else other > total for other in totals.values()) for _, total, _ in wanted
    ]
    for group in (*GROUPS, "1", "2", "3", "4", "5"):
        inside = among(settings, members[group])
        assert list(parts.groups.top(board, group, kind, limit=100).rows) == inside
        for row in inside:
            found, page = parts.groups.around(board, row.player, kind, radius=0)
            assert (found, page.rows) == (group, (row,))


@pytest.mark.parametrize("name", BOARDS)
def test_groups_are_a_fold_over_the_ranking(name: str, parts: Parts, board: str) -> None:
    settings, dice = BOARDS[name], random.Random(name)
    parts.boards.put(board, settings)
    cohort_of: dict[str, dict[str, str]] = defaultdict(dict)
    group_of: dict[str, str] = {}
    now_ms = store_ms(parts.client)
    for step in range(150):
        player = dice.choice(PLAYERS)
        action = dice.random()
        if action < 0.7:
            columns = {"laps": dice.randrange(3)} if settings.columns else {}
            at_ms = None if settings.cohorts else dice.choice([None, now_ms - 3_600_000])
            score = Score(player, dice.randrange(-5, 30), at_ms, columns)
            (result,) = parts.scores.submit(board, [score])
            assert isinstance(result, Result), result
        elif action < 0.85 and settings.groups:
            group = dice.choice([*GROUPS, None])
            before = parts.groups.assign(board, player, group)
            assert before == group_of.get(player)
            group_of.pop(player, None)
            if group is not None:
                group_of[player] = group
        elif player in {gone["player"] for gone in parts.removals.aside(board)}:
            parts.removals.restore(board, player, reason="r", by="x")
        elif any(row.player == player for row in parts.rankings.top(board, limit=100).rows):
            parts.removals.remove(board, player, reason="r", by="x", hide=dice.random() < 0.5)
        for kind in settings.periods if settings.cohorts else ():
            page = parts.rankings.top(board, kind, limit=100, at_ms=now_ms)
            for row in page.rows:  # one action brings one new player at most
                cohort_of[page.period].setdefault(row.player, str(len(cohort_of[page.period]) // 4 + 1))
        if step % 10 == 9:
            for kind in settings.periods:
                period = next(p for p in open_periods(parts.boards.get(board), now_ms) if p.kind == kind)
                check(parts, board, settings, kind, cohort_of[period.id] if settings.cohorts else group_of)
    assert parts.groups.table(board, settings.periods[0]).players > 1


def test_a_sum_that_leaves_the_whole_numbers_stands_at_their_end_and_comes_back(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule="last", groups="sum"))
    for player in "abc":
        parts.groups.assign(board, player, "red")
    parts.scores.submit(board, [Score("a", MAX_SCORE), Score("b", MAX_SCORE - 1), Score("c", 7)])
    assert parts.groups.table(board).rows[0].score == MAX_SCORE
    parts.scores.submit(board, [Score("a", 3)])
    assert parts.groups.table(board).rows[0].score == MAX_SCORE
    parts.scores.submit(board, [Score("b", -4)])
    assert parts.groups.table(board).rows[0].score == 6


def test_groups_expire_with_their_ranking_and_go_with_their_board(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(groups="best", ties="dense", periods=("hour",), keep=1, late_s=0))
    parts.groups.assign(board, "ada", "red")
    parts.scores.submit(board, [Score("ada", 5)])
    (id,) = parts.boards.periods(board)
    mine = (keys.totals(board, id), keys.members(board, id, "red"), keys.member_levels(board, id, "red"))
    assert [parts.client.ttl(key) for key in mine] == [-1, -1, -1]
    args = (id, parts.client.hget(keys.unarchived(board), id), store_ms(parts.client) + 60_000)
    assert (
        parts.rankings._scripts.write("close_ranking", [keys.unarchived(board), *keys.standings(board, id)], args) == 1
    )
    assert all(parts.client.ttl(key) > 0 for key in (*mine, keys.ranking(board, id)))
    parts.scores.submit(board, [Score("ada", 6)])
    assert [parts.client.ttl(key) for key in (*mine, keys.ranking(board, id))] == [-1, -1, -1, -1]
    parts.boards.delete(board)
    assert not parts.client.keys(keys.board(board) + "*")


def test_what_groups_refuse(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(groups="sum", writers="operators"))
    with pytest.raises(Forbidden, match="operators only"):
        parts.groups.assign(board, "ada", "red", as_operator=False)
    parts.scores.submit(board, [Score("ada", 1)])
    with pytest.raises(BoardConflict, match="groups"):
        parts.boards.put(board, BoardSettings(groups="best", writers="operators"))
    parts.boards.put(f"{board}-c", BoardSettings(cohorts=2))
    with pytest.raises(InvalidInput, match="groups"):
        parts.groups.assign(f"{board}-c", "ada", "red")
    parts.boards.put(f"{board}-n", BoardSettings())
    with pytest.raises(InvalidInput, match="cohorts"):
        parts.groups.table(f"{board}-n")
