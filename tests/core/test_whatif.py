"""What a score would be worth, and which score has a percentile: against the oracle, on boards of every kind."""

import copy
import random
import uuid
from fractions import Fraction
from typing import get_args

import pytest

from dashboard.errors import BoardNotFound, InvalidInput
from dashboard.parts import Parts
from dashboard.values import MAX_SCORE, BoardSettings, Column, Order, Score, Standing, Ties
from tests.core.oracle import Book

ROUNDS = 60
LATER_MS = 10**13
DICE = random.Random(7)
COLUMNS = (Column("x"), Column("y", "asc"))
LAST_NAMES = ("", "\U0010ffff" * 2)
"""Behind every other name in one order or the other."""


def rank_as_the_newcomer(book: Book, score: int, columns: dict[str, int]) -> int:
    """Put a player there and look: the worst place that a name can bring."""
    ranks: list[int] = []
    for name in LAST_NAMES:
        tried = copy.deepcopy(book)
        tried.submit(Score(name, score, LATER_MS, columns), LATER_MS)
        ranks.append(tried.rank("all", name) or 0)
    return max(ranks)


def rank_by_better_scores(book: Book, score: int, columns: dict[str, int]) -> int:
    """The control: how many have more points."""
    return 1 + sum(run.score > score for run in book.held.get("all", {}).values())


def last_with(rows: list[Standing], share: float) -> Standing | None:
    """The last row whose percentile, exactly, is at least that."""
    n, found = len(rows), None
    for row in rows:
        percentile = Fraction(100) if n == 1 else Fraction(100 * (n - row.rank), n - 1)
        found = row if percentile >= Fraction(round(share * 10_000), 10_000) else found
    return found


def last_by_index(rows: list[Standing], share: float) -> Standing | None:
    """The control: cut the list at that share."""
    return rows[int((len(rows) - 1) * (100 - share) / 100 + 0.5)] if rows else None


@pytest.fixture(scope="module")
def boards(parts: Parts) -> list[tuple[str, Book]]:
    """Boards of every kind with their books."""
    found = []
    for _ in range(ROUNDS):
        low, high = DICE.choice([(None, None), (-1, 1)])
        settings = BoardSettings(
            order=DICE.choice(get_args(Order)),
            ties=DICE.choice(get_args(Ties)),
            columns=COLUMNS[: DICE.randint(0, 2)],
            min=low,
            max=high,
        )
        board, book = f"whatif-{uuid.uuid4().hex[:10]}", Book(settings)
        parts.boards.put(board, settings)
        scores = [Score(f"p{DICE.randint(0, 30)}é", *run(settings)) for _ in range(DICE.choice([0, 1, 2, 20, 40]))]
        parts.scores.submit(board, scores)
        for turn, score in enumerate(scores):
            book.submit(score, turn)
        found.append((board, book))
    return found


def run(settings: BoardSettings) -> tuple[int, int, dict[str, int]]:
    score = DICE.choice([-3, -1, 0, 1, 2, MAX_SCORE, -MAX_SCORE])
    return score, DICE.choice([0, 1000]), {column.name: DICE.randint(-1, 1) for column in settings.columns}


def test_the_rank_of_a_score_is_what_a_newcomer_gets(parts: Parts, boards: list[tuple[str, Book]]) -> None:
    naive = 0
    for board, book in boards:
        n = len(book.held.get("all", {}))
        for _ in range(4):
            score, _, columns = run(book.settings)
            guess = parts.rankings.rank_of(board, score, columns)
            assert guess.rank == rank_as_the_newcomer(book, score, columns), (book.settings, score, columns)
            assert guess.players == n
            assert guess.percentile == pytest.approx(100 * (n + 1 - guess.rank) / n if n else 100, abs=1e-4)
            naive += guess.rank != rank_by_better_scores(book, score, columns)
    assert naive > ROUNDS


def test_the_score_of_a_percentile_is_the_last_that_has_it(parts: Parts, boards: list[tuple[str, Book]]) -> None:
    naive = 0
    for board, book in boards:
        rows = book.rows("all")
        for share in (0, 100, 50, 99.9, DICE.randint(0, 1_000_000) / 10_000):
            found, wanted = parts.rankings.at_percentile(board, share), last_with(rows, share)
            assert found.players == len(rows)
            assert facts(found.row) == facts(wanted), (book.settings, share)
            naive += facts(found.row) != facts(last_by_index(rows, share))
    assert naive > ROUNDS / 10


def facts(row: Standing | None) -> object:
    return row and (row.rank, row.score, row.columns)


def test_what_a_board_does_not_have_is_refused(parts: Parts, board: str) -> None:
    with pytest.raises(BoardNotFound):
        parts.rankings.rank_of(board, 1)
    with pytest.raises(BoardNotFound):
        parts.rankings.at_percentile(board, 1)
    parts.boards.put(board, BoardSettings(columns=COLUMNS))
    with pytest.raises(InvalidInput, match="has the columns x, y"):
        parts.rankings.rank_of(board, 1, {"x": 1})
    with pytest.raises(InvalidInput, match="no period 'day'"):
        parts.rankings.at_percentile(board, 1, "day")
