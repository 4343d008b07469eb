"""Scores that decay: ranks and points are those of a plain fold over all posts, at any moment, and nothing is ever decayed
again."""

import itertools
import math
import random
from dataclasses import replace

import pytest

from dashboard.core.decay import EPOCH_MS, weigh, worth
from dashboard.errors import BoardConflict, InvalidInput, PlayerNotFound
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.values import Board, BoardSettings, Result, Score
from tests.core.times import store_ms

HOUR_S = 3600
TREND = BoardSettings(rule="sum", half_life_s=HOUR_S, periods=("all",), late_s=366 * 86_400)


def points(posts: list[tuple[int, int]], at_ms: int, half_life_s: int) -> float:
    """What posts of (points, played at) are worth: each halves by itself."""
    return math.fsum(w * 2.0 ** ((played - at_ms) / (1000 * half_life_s)) for w, played in posts)


def close(shown: int, real: float) -> bool:
    """Within half a point, and the rounding of sixteen digits."""
    return abs(shown - real) <= 0.5 + 1e-6 + 1e-7 * real


@pytest.mark.parametrize("half_life_s", [1, 60, HOUR_S, 30 * 86_400])
def test_rows_are_a_fold_over_all_posts(half_life_s: int, parts: Parts, board: str) -> None:
    parts.boards.put(board, replace(TREND, half_life_s=half_life_s))
    dice, now_ms = random.Random(half_life_s), store_ms(parts.client)
    posts: dict[str, list[tuple[int, int]]] = {}
    for _ in range(12):
        batch = []
        for _ in range(10):
            player = f"p{dice.randrange(8)}"
            played = now_ms - dice.randrange(5 * 1000 * half_life_s)  # in any order, as late scores come
            batch.append(Score(player, dice.choice([0, 1, 7, 1000, 10**9]), played))
            posts.setdefault(player, []).append((batch[-1].score, played))
        assert all(isinstance(result, Result) for result in parts.scores.submit(board, batch))
    page = parts.rankings.top(board, limit=100, now_ms=now_ms)
    assert {row.player for row in page.rows} == posts.keys()
    for row in page.rows:
        assert close(row.score, points(posts[row.player], now_ms, half_life_s)), row
    order = sorted(posts, key=lambda player: points(posts[player], now_ms, half_life_s), reverse=True)
    worths = [points(posts[player], now_ms, half_life_s) for player in order]
    gaps = [a - b > 1e-6 * a for a, b in itertools.pairwise(worths)]
    if all(gaps):
        assert [row.player for row in page.rows] == order
    if half_life_s == HOUR_S:  # control: what posts add up to without decay ranks them otherwise
        assert order != sorted(posts, key=lambda player: sum(w for w, _ in posts[player]), reverse=True)


def test_time_alone_changes_points_and_no_rank_and_writes_nothing(parts: Parts, board: str) -> None:
    parts.boards.put(board, TREND)
    now_ms = store_ms(parts.client)
    scores = [Score("old", 4000, now_ms - 2 * HOUR_S * 1000), Score("new", 900, now_ms), Score("none", 0)]
    parts.scores.submit(board, scores)
    stored = parts.client.zrange(keys.ranking(board, "all"), 0, -1, withscores=True)
    version = parts.boards.versions([board])
    for hours in (0, 1, 5, 24, 10_000):
        page = parts.rankings.top(board, now_ms=now_ms + hours * HOUR_S * 1000)
        expected = [round(1000 / 2**hours), round(900 / 2**hours), 0]
        assert [(row.player, row.score) for row in page.rows] == list(
            zip(["old", "new", "none"], expected, strict=True)
        )
    assert parts.client.zrange(keys.ranking(board, "all"), 0, -1, withscores=True) == stored
    assert parts.boards.versions([board]) == version


def test_an_answer_says_what_is_held_now(parts: Parts, board: str) -> None:
    parts.boards.put(board, TREND)
    now_ms = store_ms(parts.client)
    (result,) = parts.scores.submit(board, [Score("ada", 1000, now_ms - HOUR_S * 1000)])
    assert isinstance(result, Result)
    assert (result.score, result.rank) == (500, 1)
    (result,) = parts.scores.submit(board, [Score("ada", 0)])
    assert isinstance(result, Result)
    assert (result.score, result.changed) == (500, False)
    (result,) = parts.scores.submit(board, [Score("ada", 300)])
    assert isinstance(result, Result)
    assert result.score == 800
    assert parts.rankings.player(board, "ada").score == 800
    assert parts.rankings.around(board, "ada").rows[0].score == 800
    assert parts.rankings.standings(board, ["ada"]).rows[0].score == 800
    assert parts.rankings.snapshots([(parts.boards.get(board), "all", 10)])[0].rows[0].score == 800
    assert parts.rankings.at_percentile(board, 50).row is not None
    assert [parts.rankings.rank_of(board, score).rank for score in (700, 900)] == [2, 1]
    assert sum(parts.rankings.distribution(board).counts) == 1


def test_a_period_that_is_over_stands_as_it_ended(parts: Parts, board: str) -> None:
    parts.boards.put(board, replace(TREND, periods=("hour",)))
    now_ms = store_ms(parts.client)
    end_ms = now_ms - now_ms % (HOUR_S * 1000)
    parts.scores.submit(board, [Score("ada", 800, end_ms - HOUR_S * 1000 // 2)])
    for _ in range(2):
        (row,) = parts.rankings.top(board, "hour", at_ms=end_ms - 1).rows
        assert row.score == round(800 / math.sqrt(2))
    (archived,) = parts.rankings.rows(parts.boards.get(board), parts.boards.periods(board)[0], 10, "at", 0)
    assert archived.score == row.score


def test_a_player_who_was_removed_comes_back_decayed(parts: Parts, board: str) -> None:
    parts.boards.put(board, TREND)
    now_ms = store_ms(parts.client)
    parts.scores.submit(board, [Score("ada", 1000, now_ms - HOUR_S * 1000)])
    parts.removals.remove(board, "ada", reason="r", by="x", hide=True)
    with pytest.raises(PlayerNotFound):
        parts.rankings.player(board, "ada")
    assert parts.removals.aside(board)[0]["held"] == {"all": 500}
    parts.scores.submit(board, [Score("ada", 100)])
    parts.removals.restore(board, "ada", reason="r", by="x")
    assert parts.rankings.player(board, "ada").score == 600


def test_history_notes_what_was_held_then(parts: Parts, board: str) -> None:
    parts.boards.put(board, TREND)
    now_ms = store_ms(parts.client)
    parts.scores.submit(board, [Score("ada", 1000, now_ms)])
    bucket = now_ms // 5000 - 720  # as if an hour had passed since
    parts.client.hset(keys.board(board), "bucket", bucket)
    parts.scores.submit(board, [Score("ada", 0)])
    (pulse,) = parts.analytics.history(board, "all", from_ms=0)[:1]
    assert abs(pulse.rows[0].score - 1000 * 2 ** ((now_ms - 5000 * (bucket + 1)) / (1000 * HOUR_S))) < 1


def test_what_cannot_be_on_such_a_board_is_refused(parts: Parts, board: str) -> None:
    parts.boards.put(board, TREND)
    wrong = [Score("ada", -1), Score("ada", 1, match=5), Score("ada", 1, match=None), Score("ada", 1)]
    results = parts.scores.submit(board, wrong)
    assert [isinstance(result, InvalidInput) for result in results] == [True, True, False, False]
    with pytest.raises(BoardConflict, match="half_life_s"):
        parts.boards.put(board, replace(TREND, half_life_s=60))


def test_weights_keep_eight_figures_for_decades() -> None:
    for half_life_s, error in ((1, 1e-6), (HOUR_S, 1e-9)):
        board = Board("b", replace(TREND, half_life_s=half_life_s), "r", life="l")
        for years in (0, 1, 30):
            at_ms = EPOCH_MS + years * 366 * 86_400_000
            for held in (1, 999, 10**12):
                assert abs(worth(board.settings, weigh(board.settings, held, at_ms), at_ms) - held) <= error * held
