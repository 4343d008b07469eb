"""The chronicle: history is copied once, thinned by age, and read with the stream as one."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from dashboard.core.buckets import STEP_MS
from dashboard.core.chronicle import Chronicle
from dashboard.core.chronicling import Chronicling
from dashboard.core.periods import period
from dashboard.errors import SourceUnavailable
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.store.sql import open_engine
from dashboard.values import BoardSettings, PeriodKind, Pulse, Score
from tests.core.past import note
from tests.core.times import DAY_MS, chronicling_at, store_ms

HOUR_MS = 3_600_000
DAYS: tuple[PeriodKind, ...] = ("all", "day")


def begun(parts: Parts, board: str, ago_ms: int) -> int:
    """A board with a past: an instant so long ago, at the beginning of a day."""
    parts.boards.put(board, BoardSettings(periods=DAYS))
    return (store_ms(parts.client) - ago_ms) // DAY_MS * DAY_MS


def history(parts: Parts, board: str, **options: int) -> list[Pulse]:
    return parts.analytics.history(board, "all", from_ms=0, **options)


def stored(parts: Parts, board: str) -> list[tuple[int, int]]:
    """What SQL has of a board's `all`: when a bucket began, and how many scores."""
    ask = sa.text("SELECT at_ms, scores FROM history WHERE board = :board AND kind = 'all' ORDER BY at_ms")
    with parts.sql.connect() as sql:
        return [(row[0], row[1]) for row in sql.execute(ask, {"board": board})]


@pytest.fixture
def older(parts: Parts, board: str) -> Iterator[list[tuple[int, int]]]:
    """Buckets of the last 40 days on the board, denser the younger they are: when they began, and how many scores."""
    start = begun(parts, board, 40 * DAY_MS)
    now = store_ms(parts.client) // STEP_MS * STEP_MS
    at = [start + 7 * 60_000 * n for n in range(300)]
    at += [now - 3 * DAY_MS + 25_000 * n for n in range(300)] + [now - HOUR_MS + STEP_MS * n for n in range(200)]
    told = [(at_ms, 1 + n % 9) for n, at_ms in enumerate(at)]
    for at_ms, scores in told:
        note(parts, board, at_ms, {"all": ["a", "b"], period("day", at_ms).id: ["b"]}, scores=scores)
    yield told
    parts.boards.delete(board)


def thinned(told: list[tuple[int, int]], now_ms: int) -> list[tuple[int, int]]:
    """The plain reference: the last bucket of each hour or minute, with the scores of all in it."""
    kept: dict[tuple[int, int], tuple[int, int]] = {}
    for at_ms, scores in told:
        span = STEP_MS
        for age_ms, wide_ms in ((DAY_MS, 60_000), (30 * DAY_MS, HOUR_MS)):
            if at_ms < (now_ms - age_ms) // wide_ms * wide_ms:
                span = wide_ms
        place = span, at_ms // span
        kept[place] = at_ms, kept.get(place, (0, 0))[1] + scores
    return list(kept.values())


def test_history_is_kept_and_thinned_by_age(parts: Parts, board: str, older: list[tuple[int, int]]) -> None:
    before = history(parts, board)
    assert [(pulse.at_ms, pulse.scores) for pulse in before] == older
    chronicling_at(parts).copy_new()
    chronicling_at(parts).copy_new()
    shown = history(parts, board)
    assert len(shown) < len(older) * 3 / 4
    assert stored(parts, board) == thinned(older, store_ms(parts.client))
    assert [(pulse.at_ms, pulse.scores) for pulse in shown] == stored(parts, board)
    assert sum(pulse.scores for pulse in shown) == sum(scores for _, scores in older)
    assert {pulse.rows for pulse in shown} == {pulse.rows for pulse in before}


def test_steps_are_joined_across_stream_and_archive(parts: Parts, board: str, older: list[tuple[int, int]]) -> None:
    expected = {step_s: history(parts, board, step_s=step_s) for step_s in (3600, 86_400)}
    chronicling_at(parts).copy_new()
    assert 0 < parts.client.xlen(keys.history(board)) < len(older)
    assert {step_s: history(parts, board, step_s=step_s) for step_s in expected} == expected


def test_what_several_copy_at_once_is_there_once(parts: Parts, board: str, older: list[tuple[int, int]]) -> None:
    failed: list[Exception] = []

    def copy() -> None:
        try:
            chronicling_at(parts).copy_new()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=copy) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sum(scores for _, scores in stored(parts, board)) == sum(scores for _, scores in older)
    assert history(parts, board)[-1].at_ms == older[-1][0]


def test_what_was_copied_and_thinned_does_not_come_again(parts: Parts, board: str) -> None:
    start, chronicle = begun(parts, board, 3 * DAY_MS), Chronicle(parts.sql)
    for n in range(24):
        note(parts, board, start + STEP_MS * n, {"all": ["a"]})
    life = parts.boards.get(board).life
    entries = parts.client.xrange(keys.history(board))
    chronicling_at(parts).copy_new()
    once = stored(parts, board)
    assert once == [(start + 55_000, 84), *((start + 60_000 + STEP_MS * n, 7) for n in range(12))]
    parts.client.delete(keys.history(board))
    for id, fields in entries:  # as it is for one who was killed before trimming
        parts.client.xadd(keys.history(board), fields, id=id)
    chronicling_at(parts).copy_new()
    assert stored(parts, board) == once
    assert chronicle.marks()[board, life].entry == entries[-1][0].decode()


def test_a_quiet_board_costs_no_transaction(parts: Parts, board: str) -> None:
    start = begun(parts, board, DAY_MS // 2)
    note(parts, board, start, {"all": ["a"]})
    chronicling_at(parts).copy_new()
    assert chronicling_at(parts).copy_new() == 0
    assert parts.client.xlen(keys.history(board)) == 1  # else nobody knew that the archive has no more to tell
    assert [pulse.at_ms for pulse in history(parts, board)] == [start]


def test_nothing_is_trimmed_where_the_database_is_away(parts: Parts, board: str, tmp_path: Path) -> None:
    start = begun(parts, board, 2 * DAY_MS)
    for n in range(20):
        note(parts, board, start + STEP_MS * n, {"all": ["a"]})
    away = Chronicle(open_engine(f"sqlite:///{tmp_path}/without-tables.db"))
    for _ in range(2):
        with pytest.raises(SourceUnavailable):
            Chronicling(parts.client, parts.boards, away, parts.clock).copy_new()
    assert parts.client.xlen(keys.history(board)) == 20
    chronicling_at(parts).copy_new()  # it is back
    assert parts.client.xlen(keys.history(board)) == 1
    assert sum(pulse.scores for pulse in history(parts, board)) == 140


def test_history_goes_with_its_board_and_is_not_that_of_the_next_one(parts: Parts, board: str) -> None:
    for player in ("old", "new"):
        start = begun(parts, board, DAY_MS)
        assert history(parts, board) == []
        for n in range(2):
            note(parts, board, start + n * STEP_MS, {"all": [player]})
        chronicling_at(parts).copy_new()
        shown = history(parts, board)
        assert [row.player for pulse in shown for row in pulse.rows] == [player, player]
        parts.boards.delete(board)
        assert stored(parts, board) == []


def test_who_is_removed_leaves_the_history_of_before(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(periods=DAYS))
    now = store_ms(parts.client) // STEP_MS * STEP_MS
    first = now - 2 * DAY_MS
    for at_ms in (first, now - 10 * STEP_MS):
        note(parts, board, at_ms, {"all": ["a", "cheat", "b"]})
    chronicling_at(parts).copy_new()

    def shown() -> list[list[tuple[int, str]]]:
        found = [[(row.rank, row.player) for row in pulse.rows] for pulse in history(parts, board)[:2]]
        stood = [
            [(row.rank, row.player) for row in parts.rewind.top(board, "all", ms).rows] for ms in (first + STEP_MS,)
        ]
        assert stood == found[:1]
        return found

    parts.scores.submit(board, [Score("cheat", 5), Score("a", 9)])
    assert shown() == [[(1, "a"), (2, "cheat"), (3, "b")]] * 2
    parts.removals.remove(board, "cheat", reason="r", by="b")
    assert shown() == [[(1, "a"), (2, "b")]] * 2
    parts.scores.submit(board, [Score("cheat", 3)])  # and came back: what follows shows it
    assert shown() == [[(1, "a"), (2, "b")]] * 2
    now = store_ms(parts.client)
    note(parts, board, now, {"all": ["a", "cheat"]}, noted_ms=now + STEP_MS)
    assert [row.player for row in history(parts, board, to_ms=now + STEP_MS)[-1].rows] == ["a", "cheat"]
    parts.removals.restore(board, "cheat", reason="r", by="b")
    assert shown() == [[(1, "a"), (2, "cheat"), (3, "b")]] * 2
