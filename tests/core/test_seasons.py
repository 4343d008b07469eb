"""Seasons begun by hand: every score in one of them, once for each holder of the lock."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dashboard.core.archive import Archive
from dashboard.core.periods import FIRST_MS, LAST_MS
from dashboard.errors import BoardConflict, BoardNotFound, LockHeld, LockLost, TooLate
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.values import BoardSettings, Result, Score, Season
from tests.conftest import ROOT
from tests.core.times import archiving_at, store_ms, with_host_clock
from tests.store.hold import wait_until

MANUAL = BoardSettings(rule="sum", periods=("season", "all"), season=Season())


@contextmanager
def script(name: str, *args: str) -> Iterator[subprocess.Popen[str]]:
    """A file beside this one as a process; it has said its first line."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name(name)), *args],
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return line(process)


def totals(parts: Parts, board: str, seasons: range) -> dict[str, int]:
    """The scores of each player over the seasons."""
    found: dict[str, int] = {}
    for number in seasons:
        for player, score in parts.client.zscan_iter(keys.ranking(board, f"season:{number}")):
            found[player.decode()] = found.get(player.decode(), 0) + int(score)
    return found


def test_a_roll_over_begins_the_next_season_with_an_empty_ranking(parts: Parts, board: str) -> None:
    parts.boards.put(board, MANUAL)
    parts.scores.submit(board, [Score("a", 3)])
    before = store_ms(parts.client)
    number, since_ms = parts.seasons.roll_over(board)
    assert number == 2
    assert before <= since_ms <= store_ms(parts.client)
    (result,) = parts.scores.submit(board, [Score("b", 1)])
    assert isinstance(result, Result)
    assert (result.rank, result.players) == (1, 1)
    assert [row.player for row in parts.rankings.top(board, "season").rows] == ["b"]
    assert [row.player for row in parts.rankings.top(board, "season", at_ms=since_ms - 1).rows] == ["a"]
    assert [row.player for row in parts.rankings.top(board, "all").rows] == ["a", "b"]
    found = [(period.id, period.start_ms, period.end_ms) for period in parts.rankings.periods(board, "season")]
    assert found == [("season:2", since_ms, LAST_MS), ("season:1", FIRST_MS, since_ms)]


def test_another_process_that_remembers_the_old_season_counts_in_the_new_one(parts: Parts, board: str) -> None:
    parts.boards.put(board, MANUAL)
    other = with_host_clock(parts, 0)
    other.scores.submit(board, [Score("a", 1)])
    parts.seasons.roll_over(board)
    other.scores.submit(board, [Score("b", 1)])
    assert [row.player for row in other.rankings.top(board, "season").rows] == ["b"]
    slow = with_host_clock(parts, -60_000)  # for which the season has not begun
    slow.scores.submit(board, [Score("c", 2)])
    assert [row.player for row in parts.rankings.top(board, "season").rows] == ["c", "b"]


def test_a_late_score_counts_in_the_season_in_which_it_was_played(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(periods=("season",), season=Season()))
    parts.scores.submit(board, [Score("a", 1)])
    _, since_ms = parts.seasons.roll_over(board)
    late = Score("b", 2, at_ms=since_ms - 1)
    parts.scores.submit(board, [late, Score("c", 3, at_ms=since_ms)])
    assert totals(parts, board, range(1, 2)) == {"a": 1, "b": 2}
    assert totals(parts, board, range(2, 3)) == {"c": 3}
    parts.boards.put(board, BoardSettings(periods=("season",), season=Season(), late_s=0))
    (refused,) = parts.scores.submit(board, [late])
    assert isinstance(refused, TooLate)


def test_a_player_who_was_removed_comes_back_into_every_season(parts: Parts, board: str) -> None:
    parts.boards.put(board, MANUAL)
    parts.scores.submit(board, [Score("a", 1)])
    parts.seasons.roll_over(board)
    parts.scores.submit(board, [Score("a", 2)])
    parts.removals.remove(board, "a", reason="test", by="test")
    assert totals(parts, board, range(1, 3)) == {}
    parts.removals.restore(board, "a", reason="test", by="test")
    assert totals(parts, board, range(1, 2)) == {"a": 1}
    assert totals(parts, board, range(2, 3)) == {"a": 2}


def test_no_score_is_lost_or_counted_twice_while_seasons_roll_over(parts: Parts, board: str) -> None:
    parts.boards.put(board, MANUAL)
    ranking = keys.ranking(board, "all")

    def holds_more_than(total: int) -> bool:
        return bool(sum(score for _, score in parts.client.zscan_iter(ranking)) > total)

    with (
        script("season_poster.py", parts.url, board, "x", "2") as one,
        script("season_poster.py", parts.url, board, "y", "2") as other,
    ):
        assert line(one) == line(other) == "posting"
        for number in range(2, 6):
            wait_until(partial(holds_more_than, 60 * number))
            assert parts.seasons.roll_over(board)[0] == number
        counts: dict[str, int] = json.loads(go_on(one)) | json.loads(go_on(other))
    assert len(counts) == 4
    assert sum(counts.values()) > 300
    assert totals(parts, board, range(1, 6)) == counts
    assert {p.decode(): int(s) for p, s in parts.client.zscan_iter(ranking)} == counts
    assert all(totals(parts, board, range(n, n + 1)) for n in range(1, 6))  # each season had its part


@pytest.mark.soak
def test_thousands_of_scores_a_second_while_seasons_roll_over_and_are_archived(parts: Parts, board: str) -> None:
    """Each season's final standings are read from the archive; together they are what was acknowledged."""
    seasons, batch, over = 12, 20, threading.Event()
    parts.boards.put(board, replace(MANUAL, late_s=0, keep=1))
    ranking = keys.ranking(board, "all")
    eager = archiving_at(parts, 60_000)  # who does not wait for scores that are on their way

    def holds_more_than(total: int) -> bool:
        return bool(sum(score for _, score in parts.client.zscan_iter(ranking)) > total)

    def archive() -> None:
        while not over.wait(0.05):
            eager.archive_due()

    archiver = threading.Thread(target=archive)
    with (
        script("season_poster.py", parts.url, board, "x", "2", str(batch)) as one,
        script("season_poster.py", parts.url, board, "y", "2", str(batch)) as other,
    ):
        assert line(one) == line(other) == "posting"
        begin = time.monotonic()
        archiver.start()
        for number in range(2, seasons + 1):
            held = sum(score for _, score in parts.client.zscan_iter(ranking))
            wait_until(partial(holds_more_than, held + 4000))
            assert parts.seasons.roll_over(board)[0] == number
        counts: dict[str, int] = json.loads(go_on(one)) | json.loads(go_on(other))
        took_s = time.monotonic() - begin
    parts.seasons.roll_over(board)
    over.set()
    archiver.join()
    eager.archive_due()
    known, archive_of = parts.boards.fresh(board), Archive(parts.sql)
    found: dict[str, int] = {}
    for number in range(1, seasons + 1):
        archived = archive_of.find(board, known.life, f"season:{number}")
        assert archived is not None
        rows = archive_of.rows(archived, 1, 100)
        assert [row.rank for row in rows] == list(range(1, len(rows) + 1))
        assert [row.score for row in rows] == sorted((row.score for row in rows), reverse=True)
        for row in rows:
            found[row.player] = found.get(row.player, 0) + row.score
    print(
        f"{sum(counts.values())} scores in {took_s:.1f} s over {seasons} seasons: {sum(counts.values()) / took_s:.0f} a second"
    )
    assert found == counts
    assert sum(counts.values()) / took_s > 2000


def test_control_a_plan_that_is_not_refused_counts_in_the_season_that_is_over(parts: Parts, board: str) -> None:
    """Without the revision, which a roll-over raises, the score would have gone where it no longer belongs."""
    parts.boards.put(board, MANUAL)
    stale = with_host_clock(parts, 0)
    revision = stale.boards.get(board).revision
    parts.seasons.roll_over(board)
    parts.client.hset(keys.board(board), "revision", revision)
    stale.scores.submit(board, [Score("a", 1)])
    assert totals(parts, board, range(1, 2)) == {"a": 1}


def test_a_paused_holder_cannot_roll_over_after_another_one(parts: Parts, board: str) -> None:
    parts.boards.put(board, MANUAL)
    with script("late_holder.py", parts.url, board) as paused:
        fence = int(line(paused))
        paused.send_signal(signal.SIGSTOP)
        wait_until(lambda: parts.locks.owner(f"season:{board}") is None)
        assert parts.seasons.roll_over(board)[0] == 2
        paused.send_signal(signal.SIGCONT)
        assert go_on(paused) == "lock-lost"
    assert [period.id for period in parts.rankings.periods(board, "season")] == []
    assert parts.seasons.roll_over(board)[0] == 3
    with pytest.raises(LockLost):
        parts.seasons.begin_next(board, fence=fence)


def test_control_without_the_fence_the_paused_holder_rolls_over_again(parts: Parts, board: str) -> None:
    parts.boards.put(board, MANUAL)
    with script("late_holder.py", parts.url, board) as paused:
        line(paused)
        paused.send_signal(signal.SIGSTOP)
        wait_until(lambda: parts.locks.owner(f"season:{board}") is None)
        parts.seasons.roll_over(board)
        parts.client.hdel(keys.board(board), "season_fence")  # nobody remembers it
        paused.send_signal(signal.SIGCONT)
        assert go_on(paused).split()[0] == "3"


def test_one_holder_begins_one_season_however_often_it_asks(parts: Parts, board: str) -> None:
    parts.boards.put(board, MANUAL)
    first = parts.seasons.begin_next(board, fence=5)
    assert first[0] == 2
    assert parts.seasons.begin_next(board, fence=5) == first  # its answer was lost, and it tried again
    assert parts.seasons.begin_next(board, fence=6)[0] == 3


def test_while_somebody_rolls_over_nobody_else_does(parts: Parts, board: str) -> None:
    parts.boards.put(board, MANUAL)
    done: list[Any] = []
    start = threading.Barrier(8)

    def roll() -> None:
        start.wait()
        try:
            done.append(parts.seasons.roll_over(board)[0])
        except LockHeld:
            done.append(None)

    threads = [threading.Thread(target=roll) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = sorted(number for number in done if number is not None)
    assert numbers == list(range(2, 2 + len(numbers)))
    assert parts.boards.fresh(board).seasons == tuple(sorted(set(parts.boards.fresh(board).seasons)))
    with parts.locks.hold(f"season:{board}"), pytest.raises(LockHeld):
        parts.seasons.roll_over(board)


def test_only_a_board_with_seasons_begun_by_hand_rolls_over(parts: Parts, board: str) -> None:
    with pytest.raises(BoardNotFound):
        parts.seasons.roll_over(board)
    parts.boards.put(board, BoardSettings())
    with pytest.raises(BoardConflict, match="no seasons"):
        parts.seasons.roll_over(board)
    parts.boards.put(board, BoardSettings(periods=("season",), season=Season("0 0 1 * *")))
    with pytest.raises(BoardConflict, match="follow the cron"):
        parts.seasons.roll_over(board)


def test_seasons_stay_as_they_are_once_scores_are_stored(parts: Parts, board: str) -> None:
    parts.boards.put(board, MANUAL)
    parts.boards.put(
        board, BoardSettings(rule="sum", periods=("season",), season=Season("0 0 1 * *"))
    )  # nothing is stored
    parts.scores.submit(board, [Score("a", 1)])
    with pytest.raises(BoardConflict, match="season"):
        parts.boards.put(board, MANUAL)
    with pytest.raises(BoardConflict, match="season"):
        parts.boards.put(board, BoardSettings(rule="sum"))


def test_changing_other_settings_keeps_the_seasons_and_a_new_life_begins_with_the_first(
    parts: Parts, board: str
) -> None:
    parts.boards.put(board, MANUAL)
    _, since_ms = parts.seasons.roll_over(board)
    stored, _ = parts.boards.put(board, BoardSettings(rule="sum", periods=MANUAL.periods, season=Season(), title="x"))
    assert stored.seasons == parts.boards.fresh(board).seasons == (since_ms,)
    parts.boards.delete(board)
    parts.boards.put(board, MANUAL)
    assert parts.boards.fresh(board).seasons == ()
    assert parts.seasons.roll_over(board)[0] == 2


def test_a_cron_season_ends_by_itself(parts: Parts, board: str) -> None:
    """Every minute a season: the score before its end and the one after it stand in two rankings."""
    parts.boards.put(board, BoardSettings(rule="sum", periods=("season",), season=Season("* * * * *"), late_s=60))
    start = store_ms(parts.client) // 60_000 * 60_000
    parts.scores.submit(board, [Score("a", 1), Score("a", 2, at_ms=start), Score("a", 4, at_ms=start - 1)])
    assert [row.score for row in parts.rankings.top(board, "season", at_ms=start - 1).rows] == [4]
    found = parts.rankings.periods(board, "season")
    assert [period.start_ms for period in found][-2:] == [start, start - 60_000]
    assert sum(row.score for p in found for row in parts.rankings.top(board, "season", at_ms=p.start_ms).rows) == 7
    ends = parts.boards.fresh(board).season_ends_ms
    assert ends is not None
    assert ends % 60_000 == 0
    archiving_at(parts, 300_000).archive_due()
    assert parts.client.pexpiretime(keys.ranking(board, found[-1].id)) == found[-1].end_ms + 12 * 60_000
