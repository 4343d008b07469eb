"""The archive: what is over is written once, as it stood, and nothing goes before that."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dashboard.core.archive import Archive, Archived
from dashboard.core.cursors import write_cursor
from dashboard.core.periods import period
from dashboard.core.runs import width
from dashboard.core.seasons import Seasons
from dashboard.errors import BadCursor, LockLost, PlayerNotFound
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.store.scripts import Scripts
from dashboard.values import BoardSettings, Column, Mark, Page, Result, Score, Season, Standing, Ties
from tests.conftest import ROOT
from tests.core.times import DAY_MS, archiving_at, away_from_midnight, store_ms, with_host_clock

DAYS = BoardSettings(periods=("day", "all"), late_s=40 * DAY_MS // 1000, keep=1)


def yesterday(parts: Parts) -> int:
    return store_ms(parts.client) - DAY_MS


def expiry(parts: Parts, board: str, id: str) -> int:
    return int(parts.client.pexpiretime(keys.ranking(board, id)))


def let_expire(parts: Parts, board: str, id: str) -> None:
    """As if its time in Redis had come."""
    parts.client.delete(*keys.standings(board, id))


@pytest.fixture(autouse=True)
def alone(parts: Parts) -> None:
    """What other tests left is not due: an archiver takes all that is, and dies or is overtaken at the first."""
    if others := parts.boards.stored():
        parts.client.delete(*map(keys.unarchived, others))


def kept(parts: Parts, board: str) -> list[tuple[Any, ...]]:
    """What is archived of a board: period, fence, version, players, rows in the table."""
    ask = sa.text(
        "SELECT period, fence, version, players, (SELECT count(*) FROM archived_rows r WHERE r.board = a.board AND "
        "r.life = a.life AND r.period = a.period) FROM archives a WHERE board = :board ORDER BY period"
    )
    with parts.sql.connect() as sql:
        return [tuple(row) for row in sql.execute(ask, {"board": board})]


def test_a_period_is_archived_when_it_has_taken_its_last_late_score(parts: Parts, board: str) -> None:
    away_from_midnight(parts.client)
    parts.boards.put(board, BoardSettings(periods=("day", "all"), late_s=3600))
    parts.scores.submit(board, [Score("a", 1)])
    today = period("day", store_ms(parts.client))
    left_ms = today.end_ms - store_ms(parts.client)
    archiving_at(parts, left_ms + 3_600_000).archive_due()  # somebody may have planned a score a moment ago
    assert kept(parts, board) == []
    assert expiry(parts, board, today.id) == -1
    archiving_at(parts, left_ms + 3_600_000 + 60_000).archive_due()
    assert [row[0] for row in kept(parts, board)] == [today.id]
    assert expiry(parts, board, today.id) == today.end_ms + 12 * DAY_MS
    assert expiry(parts, board, "all") == -1
    assert parts.client.hgetall(keys.unarchived(board)) == {}


@pytest.mark.parametrize("ties", ["plain", "first", "shared", "dense"])
@pytest.mark.parametrize("columns", [(), (Column("time", "asc"), Column("kills"))])
def test_what_is_read_back_is_what_stood(ties: Ties, columns: tuple[Column, ...], parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(periods=("day", "all"), ties=ties, columns=columns, late_s=10**7))
    at = yesterday(parts)
    names = {column.name: 0 for column in columns}
    scores = [
        Score(f"p{n} Ω", n // 3, at + n % 7, dict.fromkeys(names, n % 2), data='{"n":[1]}' if n % 4 == 0 else None)
        for n in range(60)
    ]
    parts.scores.submit(board, scores)

    def everything() -> list[Any]:
        pages: list[Page] = [parts.rankings.top(board, "day", limit=7, at_ms=at)]
        while pages[-1].next:
            pages.append(parts.rankings.top(board, "day", limit=7, at_ms=at, cursor=pages[-1].next))
        rows = [row for page in pages for row in page.rows]
        wanted = ["p3 Ω", "nobody", "p59 Ω", "p0 Ω"]
        found = parts.rankings.standings(board, wanted, "day", at_ms=at)
        around = [parts.rankings.around(board, f"p{n} Ω", "day", radius=3, at_ms=at).rows for n in (0, 1, 30, 59)]
        place = parts.rankings.player(board, "p30 Ω", "day", at_ms=at)
        return [rows, pages[0].players, len(pages), found.rows, found.missing, around, place.row, place.percentile]

    stood = everything()
    cursor = parts.rankings.top(board, "day", limit=7, at_ms=at).next
    archiving_at(parts, 200 * DAY_MS).archive_due()
    let_expire(parts, board, period("day", at).id)
    assert parts.client.exists(keys.ranking(board, period("day", at).id)) == 0
    assert everything() == stood
    assert len(stood[0]) == 60
    page = parts.rankings.top(board, "day", limit=7, at_ms=at, cursor=cursor)  # begun in Redis, ended in the archive
    assert list(page.rows) == stood[0][7:14]
    with pytest.raises(PlayerNotFound):
        parts.rankings.player(board, "nobody", "day", at_ms=at)
    stranger = write_cursor(1, width(parts.boards.get(board).settings) * "0" + "nobody")
    with pytest.raises(BadCursor):
        parts.rankings.top(board, "day", at_ms=at, cursor=stranger)


def test_a_large_ranking_is_archived_in_parts(parts: Parts, board: str) -> None:
    parts.boards.put(board, DAYS)
    at = yesterday(parts)
    for n in range(0, 2500, 500):
        parts.scores.submit(board, [Score(f"p{n + i}", n + i, at) for i in range(500)])
    archiving_at(parts, 50 * DAY_MS).archive_due()
    let_expire(parts, board, period("day", at).id)
    assert kept(parts, board)[0][3:] == (2500, 2500)
    rows = parts.rankings.around(board, "p1499", "day", radius=1, at_ms=at).rows
    assert [(row.rank, row.player) for row in rows] == [(1000, "p1500"), (1001, "p1499"), (1002, "p1498")]


def test_a_ranking_outlives_a_server_that_was_off_for_long(parts: Parts, board: str) -> None:
    parts.boards.put(board, DAYS)
    parts.scores.submit(board, [Score("a", 1, yesterday(parts))])
    id = period("day", yesterday(parts)).id
    assert expiry(parts, board, id) == -1
    archiving_at(parts, 1000 * DAY_MS).archive_due()  # long after it was to go
    assert kept(parts, board)[0][0] == id


def test_killed_between_the_archive_and_the_mark_it_is_archived_once(parts: Parts, board: str) -> None:
    parts.boards.put(board, DAYS)
    at = yesterday(parts)
    parts.scores.submit(board, [Score(player, 1, at) for player in "abc"])
    id = period("day", at).id
    database = parts.sql.url.render_as_string(hide_password=False)
    command = [sys.executable, str(Path(__file__).with_name("killed_archiver.py")), parts.url, database]
    killed = subprocess.run(
        [*command, str(50 * DAY_MS)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (killed.returncode, killed.stdout.strip()) == (-9, "committed"), killed.stderr
    (before,) = kept(parts, board)
    assert before[3:] == (3, 3)
    assert expiry(parts, board, id) == -1  # not marked: it is still due
    parts.client.delete(keys.lock(f"archive:{board}"))  # the killed one's; its time would end
    assert archiving_at(parts, 50 * DAY_MS).archive_due() == 1
    assert kept(parts, board) == [before]
    assert expiry(parts, board, id) > 0
    assert archiving_at(parts, 50 * DAY_MS).archive_due() == 0


class Overtaken(Scripts):
    """Scripts of a process that is overtaken just before it marks."""

    def __init__(self, parts: Parts, meanwhile: Callable[[], object]) -> None:
        super().__init__(parts.client)
        self._meanwhile = meanwhile

    def write(self, name: str, keys: Sequence[str], args: Sequence[str | int | bytes]) -> Any:
        if name == "close_ranking":
            self._meanwhile()
        return super().write(name, keys, args)


def test_a_score_that_comes_while_it_is_archived_is_archived_too(parts: Parts, board: str) -> None:
    parts.boards.put(board, DAYS)
    at = yesterday(parts)
    id = period("day", at).id
    parts.scores.submit(board, [Score("a", 1, at)])
    late = Overtaken(parts, lambda: parts.scores.submit(board, [Score("b", 2, at)]))
    archiving_at(parts, 50 * DAY_MS, late).archive_due()
    assert expiry(parts, board, id) == -1
    assert kept(parts, board)[0][3] == 1
    archiving_at(parts, 50 * DAY_MS).archive_due()
    assert expiry(parts, board, id) > 0
    assert kept(parts, board)[0][3:] == (2, 2)


@pytest.mark.parametrize("what", ["late score", "removal", "restoration"])
def test_what_changes_an_archived_ranking_has_it_archived_again(what: str, parts: Parts, board: str) -> None:
    parts.boards.put(board, DAYS)
    at = yesterday(parts)
    id = period("day", at).id
    parts.scores.submit(board, [Score(player, 1, at) for player in "abc"])
    if what == "restoration":
        parts.removals.remove(board, "a", reason="r", by="b")
    archiving_at(parts, 50 * DAY_MS).archive_due()
    assert expiry(parts, board, id) > 0
    before = kept(parts, board)[0][3]
    if what == "late score":
        parts.scores.submit(board, [Score("d", 9, at)])
    elif what == "removal":
        parts.removals.remove(board, "a", reason="r", by="b")
    else:
        parts.removals.restore(board, "a", reason="r", by="b")
    assert expiry(parts, board, id) == -1
    archiving_at(parts, 50 * DAY_MS).archive_due()
    assert expiry(parts, board, id) > 0
    players = before + {"late score": 1, "removal": -1, "restoration": 1}[what]
    assert kept(parts, board)[0][3:] == (players, players)


def test_what_is_imported_into_a_period_that_has_expired_does_not_replace_its_archive(parts: Parts, board: str) -> None:
    """It may come when `keep` was raised meanwhile."""
    parts.boards.put(board, DAYS)
    at = yesterday(parts)
    parts.scores.submit(board, [Score(player, 1, at) for player in "abc"])
    archiving_at(parts, 50 * DAY_MS).archive_due()
    before = kept(parts, board)
    let_expire(parts, board, period("day", at).id)
    assert parts.scores.load(board, [Score("d", 1, at)], Mark("i", "", "1")) == {}
    parts.scores.submit(board, [Score("e", 1, at)])
    archiving_at(parts, 50 * DAY_MS).archive_due()
    assert kept(parts, board) == before
    rows = parts.rankings.top(board, "day", at_ms=at).rows
    assert sorted(row.player for row in rows) == ["a", "b", "c"]  # and not who came too late alone
    assert parts.client.hlen(keys.unarchived(board)) == 0


def test_a_paused_archiver_does_not_overwrite_what_a_later_one_wrote(parts: Parts, board: str) -> None:
    archive = Archive(parts.sql)
    old, new = (Archived(board, "life", "day:x", fence, fence, 1) for fence in (5, 6))
    archive.add(old, 1, [Standing(1, "old", 1)])
    archive.add(new, 1, [Standing(1, "new", 2)])
    archive.finish(new, 0)
    with pytest.raises(LockLost):
        archive.finish(old, 0)
    found = archive.find(board, "life", "day:x")
    assert found == new
    assert archive.rows(found, 1, 10) == (Standing(1, "new", 2),)
    # control: with a fence that was not checked the older picture would have come out on top
    unfenced = Archived(board, "life", "day:x", 7, 5, 1)
    archive.add(unfenced, 1, [Standing(1, "old", 1)])
    archive.finish(unfenced, 0)
    assert archive.rows(unfenced, 1, 10) == (Standing(1, "old", 1),)
    assert kept(parts, board)[0][4] == 1


def test_many_archivers_archive_each_ranking_once(parts: Parts, board: str) -> None:
    parts.boards.put(board, DAYS)
    at = [store_ms(parts.client) - n * DAY_MS for n in range(1, 9)]
    parts.scores.submit(board, [Score(player, 1, ms) for ms in at for player in "abc"])
    done: list[int] = []
    start = threading.Barrier(4)

    def archive() -> None:
        start.wait()
        done.append(archiving_at(parts, 50 * DAY_MS).archive_due())

    threads = [threading.Thread(target=archive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.append(archiving_at(parts, 50 * DAY_MS).archive_due())
    assert [row[3:] for row in kept(parts, board)] == [(3, 3)] * 8
    assert sum(done) >= 8
    assert parts.client.hkeys(keys.unarchived(board)) == []


def test_who_is_taken_off_before_a_late_score_is_not_archived_yet(parts: Parts, board: str) -> None:
    parts.boards.put(board, replace(DAYS, periods=("day",)))
    at = yesterday(parts)
    parts.scores.submit(board, [Score("a", 1, at)])
    parts.removals.remove(board, "a", reason="r", by="x")
    assert isinstance(parts.scores.submit(board, [Score("b", 1, at)])[0], Result)


def test_seasons_that_another_process_began_are_no_surprise_to_an_archiver(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(periods=("season",), season=Season(), late_s=0))
    other = with_host_clock(parts, 0)
    seasons = Seasons(Scripts(parts.client), other.boards, parts.locks.hold)
    for _ in range(2):
        seasons.roll_over(board)
        other.scores.submit(board, [Score("b", 1)])
    assert parts.boards.get(board).seasons == ()
    archiving_at(parts, 60_000).archive_due()
    assert [row[0] for row in kept(parts, board)] == ["season:2"]


def test_seasons_are_archived_and_read_by_any_instant_in_them(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(periods=("season",), season=Season(), late_s=0))
    parts.scores.submit(board, [Score("a", 1)])
    _, since_ms = parts.seasons.roll_over(board)
    parts.scores.submit(board, [Score("b", 1)])
    archiving_at(parts, 60_000).archive_due()
    assert [row[0] for row in kept(parts, board)] == ["season:1"]
    let_expire(parts, board, "season:1")
    assert [found.id for found in parts.rankings.periods(board, "season")] == ["season:2", "season:1"]
    assert [row.player for row in parts.rankings.top(board, "season", at_ms=since_ms - 1).rows] == ["a"]
    assert [row.player for row in parts.rankings.top(board, "season").rows] == ["b"]


def test_a_new_board_of_the_name_does_not_show_the_archive_of_the_old_one(parts: Parts, board: str) -> None:
    at = yesterday(parts)
    for player in ("old", "new"):
        parts.boards.put(board, DAYS)
        assert parts.rankings.top(board, "day", at_ms=at).rows == ()
        parts.scores.submit(board, [Score(player, 1, at)])
        archiving_at(parts, 50 * DAY_MS).archive_due()
        let_expire(parts, board, period("day", at).id)
        assert [row.player for row in parts.rankings.top(board, "day", at_ms=at).rows] == [player]
        parts.boards.delete(board)
