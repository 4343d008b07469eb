"""Rankings: reading who stands where.

Owns: rows, percentile. Leaves to others: settings (`boards.py`), writing (`scores.py`), cursors (`cursors.py`), the
archive (`archive.py`). Every answer names the version of the board that it shows; rows and version are read in one atomic
step.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from dashboard.core.archive import Archive, Archived
from dashboard.core.boards import Boards, restless
from dashboard.core.calendars import period_of, pick_period
from dashboard.core.clock import Clock
from dashboard.core.cursors import page_start, write_cursor
from dashboard.core.decay import check_decay, decayed, halvings, moment_ms, weigh
from dashboard.core.merging import refresh, standings
from dashboard.core.periods import Period
from dashboard.core.runs import check_columns, ranked, rules, standing, width
from dashboard.core.sharded_rankings import ShardedRankings
from dashboard.core.shards import inner_names
from dashboard.errors import BoardConflict, PlayerNotFound
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.reads import Command, Reads
from dashboard.store.scripts import Scripts, answering, sharing
from dashboard.values import Board, BoardSettings, Distribution, Page, Standing

ATTEMPTS = 20
BINS = 30

Rows: TypeAlias = Sequence[tuple[bytes, float]]
"""Members with their scores, as the driver hands them over."""


@dataclass(frozen=True, slots=True)
class Place:
    """One player's place. `percentile` is the share of the other players that stand below, in percent:
    100 * (players - rank) / (players - 1); 100 for a player who is alone.
    """

    board: str
    period: str
    version: int
    row: Standing
    players: int
    percentile: float

    @property
    def rank(self) -> int:
        return self.row.rank

    @property
    def score(self) -> int:
        return self.row.score


@dataclass(frozen=True, slots=True)
class Guess:
    """What a score would be worth: the rank it would get among `players` others, and the percentile it would have."""

    board: str
    period: str
    version: int
    rank: int
    players: int
    percentile: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """What has a percentile: a row without its player, None where nobody plays."""

    board: str
    period: str
    version: int
    row: Standing | None
    players: int


def percentile(rank: int, players: int) -> float:
    """Share of the other players that stand below rank, in percent, to four decimals (see Place)."""
    return 100.0 if players <= 1 else round(100 * (players - rank) / (players - 1), 4)


class Rankings:
    """Reads boards. Period arguments are kinds (`all`, `day`, ...); `at_ms` picks which one, None the open one.

    A ranking that is over and no longer in Redis is read from the archive, with two reads there.
    """

    def __init__(
        self, client: Client, scripts: Scripts, boards: Boards, clock: Clock, archive: Archive | None = None
    ) -> None:
        self._client = client
        self._scripts = scripts
        self._boards = boards
        self._clock = clock
        self._archive = archive
        self._sharded = ShardedRankings(client, scripts, boards)
        self._reads = Reads(client)

    def top(
        self,
        board: str,
        kind: str = "all",
        *,
        limit: int = 10,
        cursor: str | None = None,
        at_ms: int | None = None,
        now_ms: int | None = None,
    ) -> Page:
        """Rows from the first, or from behind `cursor` (a page's `next`). `now_ms`: when scores that decay are looked at.

        A cursor remembers a row, not a number: scores that change elsewhere make it neither repeat nor skip a row that
        stayed where it was. Raises BoardNotFound, BadCursor, InvalidInput (period). One round trip.
        """
        return self._rows(board, kind, at_ms, limit, page_start(cursor), now_ms)

    def around(self, board: str, player: str, kind: str = "all", *, radius: int = 5, at_ms: int | None = None) -> Page:
        """The player with up to `radius` rows above and below. Raises PlayerNotFound. One round trip."""
        return self._rows(board, kind, at_ms, 0, ("around", player, radius))

    def player(self, board: str, player: str, kind: str = "all", *, at_ms: int | None = None) -> Place:
        """One player's place. Raises BoardNotFound, PlayerNotFound. One round trip."""
        page = self._rows(board, kind, at_ms, 0, ("around", player, 0))
        row = page.rows[0]
        return Place(board, page.period, page.version, row, page.players, percentile(row.rank, page.players))

    def standings(self, board: str, players: Sequence[str], kind: str = "all", *, at_ms: int | None = None) -> Page:
        """The rows of a list of players in order of rank; `missing` are those without a score. One round trip."""
        wanted = list(dict.fromkeys(players))
        page = self._rows(board, kind, at_ms, 0, ("players", *wanted))
        here = {row.player for row in page.rows}
        rows = tuple(sorted(page.rows, key=lambda row: row.rank))
        return replace(page, rows=rows, next=None, missing=tuple(player for player in wanted if player not in here))

    def periods(self, board: str, kind: str) -> list[Period]:
        """The board's periods of one kind that have a ranking, here or in the archive, newest first.

        Raises BoardNotFound, InvalidInput. Two round trips, and one read there.
        """
        for _ in range(ATTEMPTS):
            known = self._boards.get(board)
            kind = pick_period(known, kind, self._clock.now_ms()).kind
            revision, ids = self._boards.rankings(board)
            if not self._boards.is_current(known, revision.encode()):
                continue
            mine = [period_of(known, id) for id in ids if id.partition(":")[0] == kind]
            with answering(), self._client.pipeline(transaction=False) as pipe:
                for period in mine:
                    pipe.exists(standings(known, period.id)[0])
                    for inner in inner_names(known):
                        pipe.exists(keys.ranking(inner, period.id))
                here = iter(pipe.execute())
            count = 1 + (known.settings.shards or 0)
            exist = [sum(next(here) for _ in range(count)) for _ in mine]
            found = {period for period, exists in zip(mine, exist, strict=True) if exists}
            if self._archive is not None:
                found |= {period_of(known, id) for id in self._archive.periods(board, known.life, kind)}
            return sorted(found, key=lambda period: period.start_ms, reverse=True)
        raise restless(board)

    def scan(self, board: Board, period_id: str, part: int) -> Iterator[tuple[Standing, ...]]:
        """All rows of a ranking in Redis as they are at its period's end, up to `part` at a time. One round trip for each."""
        if board.settings.shards is not None:
            yield from self._sharded.scan(board, period_id, part)
            return
        start = 0
        while rows := self.rows(board, period_id, part, "at", start):
            yield rows
            start += len(rows)

    def rows(self, board: Board, period_id: str, limit: int, *where: str | int) -> tuple[Standing, ...]:
        """Rows of a ranking in Redis as they are at its period's end; `where` as read_rows.lua takes it. One round trip."""
        names = [keys.board(board.name), *keys.standings(board.name, period_id)]
        _, _, _, _, *flat = self._scripts.read("read_rows", names, [rules(board.settings), limit, *where])
        cells = zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True)
        rows = [standing(board.settings, *cell) for cell in cells]
        return decayed(board.settings, rows, period_of(board, period_id).end_ms)

    def rank_of(
        self,
        board: str,
        score: int,
        columns: Mapping[str, int] | None = None,
        kind: str = "all",
        *,
        at_ms: int | None = None,
    ) -> Guess:
        """The rank that a new player would get now by a score. Raises BoardNotFound, InvalidInput. One round trip.

        Where ranks are shared (ties `shared`, `dense`) that of the equal ones; else the rank behind all of them, which
        with `first` is where who comes last stands, and with `plain`, where names decide, the worst that it can be.
        """
        columns = columns or {}

        def args(settings: BoardSettings, moment_ms: int) -> list[int | str]:
            check_columns(settings, columns)
            check_decay(settings, score)
            return [repr(weigh(settings, score, moment_ms)), *(columns[column.name] for column in settings.columns)]

        known, period_id, version, players, (rank,) = self._ask("rank_score", board, kind, at_ms, args)
        return Guess(known.name, period_id, version, rank, players, percentile(rank, players + 1))

    def at_percentile(self, board: str, share: float, kind: str = "all", *, at_ms: int | None = None) -> Threshold:
        """The least that has a percentile of at least `share` (0 to 100, to four decimals): score and columns of the last
        such run, and its rank. Raises BoardNotFound, InvalidInput (period). One round trip.
        """
        wanted = round(share * 10_000)
        known, period_id, version, players, found = self._ask(
            "find_percentile", board, kind, at_ms, lambda *_: [wanted]
        )
        row = None
        if len(found) == 1:
            (row,) = found
        elif found:
            rank, member, score = found
            row = standing(known.settings, member, score, rank)
        if row is not None:
            (row,) = decayed(known.settings, [row], moment_ms(known, period_id, self._clock.now_ms()))
        return Threshold(known.name, period_id, version, row, players)

    def distribution(self, board: str, kind: str = "all") -> Distribution:
        """Players by score in at most BINS bins of one round width. One round trip."""
        known, period = self._ranking(board, kind, None)
        refresh(self._scripts, self._boards, known, period.id)
        if known.settings.shards is not None:
            bins = self._sharded.distribution(known, period.id, BINS)
            return Distribution(0, 1, ()) if bins is None else Distribution(bins[0], bins[1], tuple(bins[2]))
        name = standings(known, period.id)[0]
        moment_ms = min(self._clock.now_ms(), period.end_ms)
        age = "" if known.settings.half_life_s is None else repr(halvings(known.settings, moment_ms))
        with sharing(known.settings.key):
            reply = self._scripts.read("read_distribution", [name], [BINS, age])
        if not reply:
            return Distribution(0, 1, ())
        return Distribution(int(reply[0]), int(reply[1]), tuple(reply[2:]))

    def snapshots(self, wanted: Sequence[tuple[Board, str, int]]) -> list[Page]:
        """The top of several rankings, each as (board, period id, limit), in one round trip for all of them, and one more
        where scores have data, or a board has shards.

        Version and rows of a page are read one after the other, so that a change between them is shown again, never
        lost: the rows are at least as new as the version.
        """
        if any(board.settings.shards is not None for board, *_ in wanted):
            plain = iter(self.snapshots([one for one in wanted if one[0].settings.shards is None]))
            return [next(plain) if one[0].settings.shards is None else self._sharded_top(*one) for one in wanted]
        for board, period_id, _ in wanted:
            with suppress(BoardConflict):
                refresh(self._scripts, self._boards, board, period_id)
        asked: list[Command] = []
        for board, period_id, limit in wanted:
            name = standings(board, period_id)[0]
            asked += ("HMGET", keys.board(board.name), "version", "data"), ("ZCARD", name)
            asked.append(
                ("ZREVRANGE" if board.settings.order == "desc" else "ZRANGE", name, 0, limit - 1, "WITHSCORES")
            )
        with answering():
            replies = self._reads.ask(asked, raising=False)
            now_ms = self._clock.now_ms()
            heads, counts, flat = replies[::3], _usable(replies[1::3], 0), _usable(replies[2::3], [])
        tops = [list(zip(rows[::2], map(float, rows[1::2]), strict=True)) for rows in flat]
        data = self._data(wanted, [rows if has else [] for (_, has), rows in zip(heads, tops, strict=True)])
        pages = zip(wanted, heads, counts, tops, data, strict=True)
        return [
            Page(board.name, period_id, players, int(version or 0), decayed(board.settings, found, at_ms))
            for (board, period_id, _), (version, _), players, rows, more in pages
            for found, at_ms in [(ranked(board.settings, rows, more), moment_ms(board, period_id, now_ms))]
        ]

    def _sharded_top(self, board: Board, period_id: str, limit: int) -> Page:
        for _ in range(ATTEMPTS):
            page = self._sharded.page(board, period_id, limit, ("at", 0))
            if page is not None:
                return page
            board = self._boards.look(board.name) or board
        raise restless(board.name)

    def _data(self, wanted: Sequence[tuple[Board, str, int]], tops: Sequence[Rows]) -> list[list[bytes] | None]:
        """What came with the scores of the rows, where any may have something."""
        asked = [(wanted[i][0], wanted[i][1], rows) for i, rows in enumerate(tops) if rows]
        if not asked:
            return [None] * len(tops)
        with answering():
            replies = iter(
                self._reads.ask(
                    [
                        (
                            "HMGET",
                            keys.runs(board.name, period_id),
                            *(member[width(board.settings) :] for member, _ in rows),
                        )
                        for board, period_id, rows in asked
                    ]
                )
            )
        found = zip(wanted, tops, strict=True)
        return [
            [(kept or b"")[width(board.settings) :] for kept in next(replies)] if rows else None
            for (board, *_), rows in found
        ]

    def read(
        self,
        known: Board,
        period_id: str,
        names: Sequence[str],
        limit: int,
        where: Sequence[str | int],
        *,
        settings: BoardSettings | None = None,
        groups_of: str | None = None,
        now_ms: int | None = None,
    ) -> Page | None:
        """A page of a ranking whose three keys are `names`, None where the board is no longer as remembered; without rows
        where the player of `around` is absent. `settings` are those by which it ranks, the board's if not said; `groups_of`:
        how the names of the rankings of groups begin, if it is one of groups. One round trip.
        """
        settings = settings or known.settings
        with sharing(known.settings.key):
            revision, version, players, start, *flat = self._scripts.read(
                "read_rows", [keys.board(known.name), *names], [rules(settings, groups_of), limit, *map(_bytes, where)]
            )
        if not self._boards.is_current(known, revision):
            return None
        members, scores, ranks, data = flat[::4], flat[1::4], flat[2::4], flat[3::4]
        cells = zip(members, scores, ranks, data, strict=True)
        rows = tuple(standing(settings, *cell) for cell in cells)
        more = bool(rows) and start + len(rows) < players
        next = write_cursor(rows[-1].score, members[-1].decode(errors="surrogateescape")) if more else None
        at_ms = moment_ms(known, period_id, self._clock.now_ms() if now_ms is None else now_ms)
        return Page(known.name, period_id, players, int(version), decayed(settings, rows, at_ms), next)

    def _rows(
        self,
        board: str,
        kind: str,
        at_ms: int | None,
        limit: int,
        where: Sequence[str | int],
        now_ms: int | None = None,
    ) -> Page:
        for _ in range(ATTEMPTS):
            known, period = self._ranking(board, kind, at_ms)
            if not refresh(self._scripts, self._boards, known, period.id):
                continue
            if known.settings.shards is not None:
                page = self._sharded.page(known, period.id, limit, where)
            else:
                page = self.read(known, period.id, standings(known, period.id), limit, where, now_ms=now_ms)
            if page is None:
                continue
            if not page.players and (found := self._archived(known, period)) is not None and self._archive is not None:
                return self._archive.page(found, width(known.settings), limit, where)
            if where[0] == "around" and not page.rows:
                raise PlayerNotFound(f"There is no player {where[1]!r} on the board {board!r} ({period.id}).")
            return page
        raise restless(board)

    def _ask(
        self,
        script: str,
        board: str,
        kind: str,
        at_ms: int | None,
        args: Callable[[BoardSettings, int], Sequence[int | str]],
    ) -> tuple[Board, str, int, int, list[Any]]:
        """The board, the period's id, version, players, and what else a script says of a ranking and its levels."""
        for _ in range(ATTEMPTS):
            known, period = self._ranking(board, kind, at_ms)
            if not refresh(self._scripts, self._boards, known, period.id):
                continue
            arguments = args(known.settings, min(self._clock.now_ms(), period.end_ms))
            if known.settings.shards is not None:
                found = self._ask_shards(script, known, period.id, arguments)
                if found is None:
                    continue
                return known, period.id, *found
            ranking, _, levels = standings(known, period.id)
            names = [keys.board(board), ranking, levels]
            with sharing(known.settings.key):
                revision, version, players, *rest = self._scripts.read(
                    script,
                    names,
                    [rules(known.settings), *arguments],
                )
            if self._boards.is_current(known, revision):
                return known, period.id, int(version), players, rest
        raise restless(board)

    def _ask_shards(
        self, script: str, known: Board, period_id: str, args: Sequence[int | str]
    ) -> tuple[int, int, list[Any]] | None:
        if script == "rank_score":
            ranked_at = self._sharded.rank_of(known, period_id, args)
            return None if ranked_at is None else (*ranked_at[:2], [ranked_at[2]])
        found = self._sharded.at_percentile(known, period_id, int(args[0]))
        return None if found is None else (*found[:2], [] if found[2] is None else [found[2]])

    def _ranking(self, board: str, kind: str, at_ms: int | None) -> tuple[Board, Period]:
        known = self._boards.get(board)
        # a season that was begun by hand has begun, whatever this process' clock says
        now_ms = max([self._clock.now_ms(), *known.seasons])
        return known, pick_period(known, kind, now_ms if at_ms is None else at_ms)

    def is_archived(self, board: Board, period: Period) -> bool:
        """Whether the archive has the ranking of a period that is over. One read there."""
        return self._archived(board, period) is not None

    def _archived(self, board: Board, period: Period) -> Archived | None:
        if self._archive is None or period.end_ms > self._clock.now_ms():
            return None
        return self._archive.find(board.name, board.life, period.id)


def _usable(replies: Sequence[Any], nothing: Any) -> list[Any]:
    """The replies with `nothing` for a key that another program made something else of: one board must not stop all."""
    for reply in replies:
        if isinstance(reply, Exception) and not str(reply).startswith("WRONGTYPE"):
            raise reply
    return [nothing if isinstance(reply, Exception) else reply for reply in replies]


def _bytes(part: str | int) -> bytes | int:
    """As Redis has it, also what is no UTF-8."""
    return part.encode(errors="surrogateescape") if isinstance(part, str) else part
