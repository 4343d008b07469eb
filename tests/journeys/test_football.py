"""International football since 1872 on two boards, replayed by date: every total equals a plain fold over the file."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

import pytest

from dashboard.core.scores import BATCH
from dashboard.parts import Parts
from dashboard.values import BoardSettings, Column, Mark, Score, Season
from tests.conftest import SHARED

RESULTS = SHARED / "data" / "results.csv"
pytestmark = pytest.mark.skipif(not RESULTS.is_file(), reason="the results lie beside the checkout, in shared/data")
YEARS = BoardSettings(
    rule="sum",
    ties="first",
    periods=("all", "season"),
    season=Season("0 0 1 1 *"),
    columns=(Column("goal_difference"),),
    keep=1000,
)

Match = tuple[int, str, str, int, int]


@pytest.fixture(scope="module")
def matches() -> list[Match]:
    """(epoch ms, home, away, goals, goals) of every match that was played, in the order of the file."""
    with RESULTS.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["home_score"].isdigit()]
    return [
        (
            int(datetime.fromisoformat(row["date"]).replace(tzinfo=UTC).timestamp() * 1000),
            row["home_team"],
            row["away_team"],
            int(row["home_score"]),
            int(row["away_score"]),
        )
        for row in rows
    ]


def points(mine: int, theirs: int) -> int:
    return 3 if mine > theirs else 1 if mine == theirs else 0


def load(parts: Parts, board: str, scores: Iterator[Score]) -> None:
    place = ""
    while batch := list(islice(scores, BATCH)):
        end = str(int(place or 0) + len(batch))
        assert parts.scores.load(board, batch, Mark("football", place, end)) == {}
        place = end


def test_points_of_every_season_equal_a_fold_over_the_file(parts: Parts, board: str, matches: list[Match]) -> None:
    parts.boards.put(board, YEARS)
    table: dict[str, dict[str, tuple[int, int, int, int]]] = {}
    scores: list[Score] = []

    def play(at_ms: int, team: str, mine: int, theirs: int) -> None:
        won, difference = points(mine, theirs), mine - theirs
        for span in ("all", str(datetime.fromtimestamp(at_ms / 1000, UTC).year)):
            sum_, goals, reached, turn = table.setdefault(span, {}).get(team, (0, 0, at_ms, len(scores)))
            if won or difference:
                reached, turn = max(reached, at_ms), len(scores)
            table[span][team] = (sum_ + won, goals + difference, reached, turn)
        scores.append(Score(team, won, at_ms, {"goal_difference": difference}))

    for at_ms, home, away, ours, theirs in matches:
        play(at_ms, home, ours, theirs)
        play(at_ms, away, theirs, ours)
    load(parts, board, iter(scores))

    def shown(kind: str, at: datetime | None = None) -> list[tuple[str, int, int]]:
        page = parts.rankings.top(board, kind, limit=1000, at_ms=None if at is None else int(at.timestamp() * 1000))
        return [(row.player, row.score, dict(row.columns)["goal_difference"]) for row in page.rows]

    def folded(span: str) -> list[tuple[str, int, int]]:
        rows = sorted(table[span].items(), key=lambda row: (-row[1][0], -row[1][1], row[1][2], row[1][3]))
        return [(team, sum_, goals) for team, (sum_, goals, _, _) in rows]

    assert shown("all") == folded("all")
    for year in (1872, 1930, 1974, 2006, 2022):
        assert shown("season", datetime(year, 7, 1, tzinfo=UTC)) == folded(str(year)), year
    ends = [period.end_ms for period in parts.rankings.periods(board, "season")]
    assert len(ends) == len(table) - 1
    assert ends == sorted(ends, reverse=True)


def test_a_rating_that_the_last_match_leaves_equals_a_fold(parts: Parts, board: str, matches: list[Match]) -> None:
    parts.boards.put(board, BoardSettings(rule="last"))
    rating: dict[str, float] = {}
    scores: list[Score] = []
    for at_ms, home, away, ours, theirs in matches:
        mine, other = rating.get(home, 1500.0), rating.get(away, 1500.0)
        gain = 30 * ((points(ours, theirs) + 1) // 2 / 2 - 1 / (1 + 10 ** ((other - mine) / 400)))
        for team, value in ((home, mine + gain), (away, other - gain)):
            rating[team] = value
            scores.append(Score(team, round(value), at_ms))
    load(parts, board, iter(scores))
    rows = parts.rankings.top(board, limit=1000).rows
    assert {row.player: row.score for row in rows} == {team: round(value) for team, value in rating.items()}
    assert [row.score for row in rows] == sorted((round(value) for value in rating.values()), reverse=True)
