"""Rankings of sharded boards: exact ranks by summed counts, and merged tops.

Owns: reading all shards as one ranking. Leaves to others: what an answer is (`rankings.py`), shards (`shards.py`). Each shard
is read in one atomic step, all in one pipeline; the version of a page is the sum of theirs. Rows of all shards stand in the
order in which one sorted set would have them: by score, then by member.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.core.boards import Boards, restless
from dashboard.core.cursors import write_cursor
from dashboard.core.runs import COLUMN, rules, standing
from dashboard.core.shards import inner_names, shard_of
from dashboard.errors import BoardNotFound
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.scripts import Scripts, answering
from dashboard.values import Board, Page, Standing

FEW = 64
"""So many rows are rather read than searched."""
STEPS = 200

Where = Sequence[str | int | bytes]


@dataclass(frozen=True, slots=True)
class _Row:
    score: float
    member: bytes
    text: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class _Part:
    """What one shard said."""

    version: int
    players: int
    rest: list[Any]

    @property
    def start(self) -> int:
        return int(self.rest[0])

    @property
    def rows(self) -> list[_Row]:
        cells = zip(self.rest[1::4], self.rest[2::4], self.rest[4::4], strict=True)
        return [_Row(float(score), member, score, data) for member, score, data in cells]


class ShardedRankings:
    """Reads sharded boards. Everything that returns None found a board that is no longer as remembered: begin again."""

    def __init__(self, client: Client, scripts: Scripts, boards: Boards) -> None:
        self._client = client
        self._scripts = scripts
        self._boards = boards

    def page(self, board: Board, period_id: str, limit: int, where: Where) -> Page | None:
        """A page, without rows where the player of `around` is absent; `where` as read_rows.lua takes it.

        One round trip for a top, one more where ranks are shared, two for a list of players, three around a player.
        """
        match where[0]:
            case "around":
                return self._around(board, period_id, str(_text(where[1])), int(where[2]))
            case "players":
                return self._players(board, period_id, [str(_text(name)) for name in where[1:]])
            case _:
                return self._slice(board, period_id, limit, [where] * self._count(board))

    def scan(self, board: Board, period_id: str, rows: int) -> Iterator[tuple[Standing, ...]]:
        """All rows from the first, so many at a time. Raises StoreUnavailable where the board changes its settings meanwhile:
        what came so far is not all.
        """
        where: Where = ("at", 0)
        while True:
            parts = self._ask("read_rows", board, period_id, [[rows, *where]] * self._count(board))
            if parts is None:
                raise restless(board.name)
            found = _merged(board, parts)[:rows]
            if not found:
                return
            start = sum(part.start for part in parts)
            first = self._first_rank(board, period_id, start, found)
            if first is None:
                raise restless(board.name)
            yield _standings(board, found, start, first)
            where = ("after", found[-1].text, found[-1].member)

    def rank_of(self, board: Board, period_id: str, args: Sequence[int | str]) -> tuple[int, int, int] | None:
        """Version, players, and the rank that a new player would get. One round trip."""
        parts = self._ask("rank_score", board, period_id, [args] * self._count(board), ranking_keys=_with_levels)
        if parts is None:
            return None
        rank = 1 + sum(int(part.rest[0]) - 1 for part in parts)
        return sum(part.version for part in parts), sum(part.players for part in parts), rank

    def at_percentile(self, board: Board, period_id: str, wanted: int) -> tuple[int, int, Standing | None] | None:
        """Version, players, and the last row whose percentile is at least `wanted` ten-thousandths of a percent: see
        find_percentile.lua. About two round trips for each doubling of the players.
        """
        sizes = self._ask("count_rows", board, period_id, [["place"]] * self._count(board), ranking_keys=_alone)
        if sizes is None:
            return None
        version, players = sum(part.version for part in sizes), sum(part.players for part in sizes)
        if not players:
            return version, 0, None
        place = players + (-wanted * (players - 1) // 1_000_000)
        row = self._find(board, period_id, place, [part.players for part in sizes])
        rank = None if row is None else self._first_rank(board, period_id, place - 1, [row])
        if row is None or rank is None:
            return None
        return version, players, standing(board.settings, row.member, row.text, rank)

    def counts(
        self, board: Board, period_id: str, what: str, rows: Sequence[tuple[bytes | str, bytes]]
    ) -> list[tuple[int, list[int]]] | None:
        """Of each shard its players, and how many of its rows stand before each of those (score, member). One round trip."""
        flat = [cell for row in rows for cell in row]
        parts = self._ask("count_rows", board, period_id, [[what, *flat]] * self._count(board), ranking_keys=_alone)
        return None if parts is None else [(part.players, [int(n) for n in part.rest]) for part in parts]

    def distribution(self, board: Board, period_id: str, bins: int) -> tuple[int, int, list[int]] | None:
        """First score, width and counts over all shards, None for no players. Two round trips."""
        names = [keys.ranking(name, period_id) for name in inner_names(board)]
        with answering(), self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.zrange(name, 0, 0, withscores=True)
                pipe.zrange(name, -1, -1, withscores=True)
            ends = [score for rows in pipe.execute() for _, score in rows]
        if not ends:
            return None
        bounds: list[str | int] = [bins, "", repr(min(ends)), repr(max(ends))]
        replies = self._scripts.read_many("read_distribution", [([name], bounds) for name in names])
        counts = [sum(column) for column in zip(*(reply[2:] for reply in replies), strict=True)]
        return int(replies[0][0]), int(replies[0][1]), counts

    def _slice(self, board: Board, period_id: str, limit: int, wheres: Sequence[Where]) -> Page | None:
        parts = self._ask("read_rows", board, period_id, [[limit, *where] for where in wheres])
        if parts is None:
            return None
        return self._page(board, period_id, parts, _merged(board, parts)[:limit], sum(part.start for part in parts))

    def _page(
        self, board: Board, period_id: str, parts: Sequence[_Part], rows: Sequence[_Row], start: int
    ) -> Page | None:
        first = self._first_rank(board, period_id, start, rows)
        if first is None:
            return None
        version, players = sum(part.version for part in parts), sum(part.players for part in parts)
        more = bool(rows) and start + len(rows) < players
        last = rows[-1] if rows else None
        next = write_cursor(int(last.score), last.member.decode(errors="surrogateescape")) if more and last else None
        return Page(board.name, period_id, players, version, _standings(board, rows, start, first), next)

    def _around(self, board: Board, period_id: str, player: str, radius: int) -> Page | None:
        shards = self._count(board)
        home, nothing = shard_of(player, shards), ("players",)
        asked: list[Where] = [("around", player, 0) if shard == home else nothing for shard in range(shards)]
        parts = self._ask("read_rows", board, period_id, [[0, *where] for where in asked])
        if parts is None or not parts[home].rows:
            return None if parts is None else self._page(board, period_id, parts, [], 0)
        (row,) = parts[home].rows
        before = self.counts(board, period_id, "place", [(row.text, row.member)])
        if before is None:
            return None
        places = [counts[0] for _, counts in before]
        starts = [max(0, place - radius) for place in places]
        parts = self._ask("read_rows", board, period_id, [[2 * radius + 1, "at", start] for start in starts])
        if parts is None:
            return None
        rows = _merged(board, parts)
        if row not in rows:  # it moved meanwhile
            return None
        at = rows.index(row)
        first = max(0, at - radius)
        return self._page(board, period_id, parts, rows[first : at + radius + 1], sum(places) - (at - first))

    def _players(self, board: Board, period_id: str, players: Sequence[str]) -> Page | None:
        shards = self._count(board)
        asked: list[list[str | int | bytes]] = [[0, "players"] for _ in range(shards)]
        for player in players:
            asked[shard_of(player, shards)].append(player)
        parts = self._ask("read_rows", board, period_id, asked)
        if parts is None:
            return None
        rows = _merged(board, parts)
        counts = self.counts(board, period_id, "rank", [(row.text, row.member) for row in rows])
        if counts is None:
            return None
        found = []
        for i, row in enumerate(rows):
            rank = 1 + sum(counted[i] for _, counted in counts)
            found.append(standing(board.settings, row.member, row.text, rank, row.data))
        version, size = sum(part.version for part in parts), sum(part.players for part in parts)
        return Page(board.name, period_id, size, version, tuple(found))

    def _find(self, board: Board, period_id: str, place: int, sizes: Sequence[int]) -> _Row | None:
        """The row at a place, from 1, of all shards: a binary search over the rows of the largest part that is left."""
        low, high = [0] * len(sizes), list(sizes)
        for _ in range(STEPS):
            left = [max(0, b - a) for a, b in zip(low, high, strict=True)]
            if sum(left) <= FEW:
                parts = self._ask("read_rows", board, period_id, [[n, "at", a] for a, n in zip(low, left, strict=True)])
                rows = [] if parts is None else _merged(board, parts)
                at = place - 1 - sum(low)
                return rows[at] if 0 <= at < len(rows) else None
            largest = left.index(max(left))
            middle = low[largest] + left[largest] // 2
            asked: list[Where] = [[int(shard == largest), "at", middle] for shard in range(len(sizes))]
            parts = self._ask("read_rows", board, period_id, asked)
            if parts is None or not parts[largest].rows:
                return None
            (row,) = parts[largest].rows
            counts = self.counts(board, period_id, "place", [(row.text, row.member)])
            if counts is None:
                return None
            before = [counted[0] for _, counted in counts]
            if sum(before) + 1 == place:
                return row
            if sum(before) >= place:
                high = [min(b, n) for b, n in zip(high, before, strict=True)]
            else:
                low = [max(a, n) for a, n in zip(low, before, strict=True)]
                low[largest] = max(low[largest], middle + 1)
        return None

    def _first_rank(self, board: Board, period_id: str, start: int, rows: Sequence[_Row]) -> int | None:
        """The rank of the first row, behind `start` others: where ranks are shared, that of the first of its result."""
        if board.settings.ties != "shared" or not rows or start == 0:
            return start + 1
        counts = self.counts(board, period_id, "rank", [(rows[0].text, rows[0].member)])
        return None if counts is None else 1 + sum(counted[0] for _, counted in counts)

    def _count(self, board: Board) -> int:
        assert board.settings.shards is not None
        return board.settings.shards

    def _ask(
        self,
        script: str,
        board: Board,
        period_id: str,
        args: Sequence[Sequence[str | int | bytes]],
        *,
        ranking_keys: Callable[[str, str], Sequence[str]] = keys.standings,
    ) -> list[_Part] | None:
        """What each shard says to a script of a ranking."""
        try:
            inner = self._boards.inner(board)
        except BoardNotFound:
            return None
        calls = [
            ([keys.board(one.name), *ranking_keys(one.name, period_id)], [rules(one.settings), *map(_raw, more)])
            for one, more in zip(inner, args, strict=True)
        ]
        replies = self._scripts.read_many(script, calls)
        current = [self._boards.is_current(one, reply[0]) for one, reply in zip(inner, replies, strict=True)]
        if not all(current):
            self._boards.forget(board.name)
            return None
        return [_Part(int(version), int(players), rest) for _, version, players, *rest in replies]


def _with_levels(name: str, period_id: str) -> Sequence[str]:
    ranking, _, levels = keys.standings(name, period_id)
    return ranking, levels


def _alone(name: str, period_id: str) -> Sequence[str]:
    return (keys.ranking(name, period_id),)


def _merged(board: Board, parts: Sequence[_Part]) -> list[_Row]:
    rows = [row for part in parts for row in part.rows]
    rows.sort(key=lambda row: (row.score, row.member), reverse=board.settings.order == "desc")
    return rows


def _standings(board: Board, rows: Sequence[_Row], start: int, first: int) -> tuple[Standing, ...]:
    """Rows with their ranks: the first has `first`, and stands behind `start` others."""
    same = COLUMN * len(board.settings.columns)
    found: list[Standing] = []
    rank, last = first, None
    for place, row in enumerate(rows, start + 1):
        level = (row.score, row.member[:same])
        if last is not None and (board.settings.ties != "shared" or level != last):
            rank = place
        found.append(standing(board.settings, row.member, row.text, rank, row.data))
        last = level
    return tuple(found)


def _raw(part: str | int | bytes) -> int | bytes:
    return part.encode(errors="surrogateescape") if isinstance(part, str) else part


def _text(part: str | int | bytes) -> str | int:
    return part.decode(errors="surrogateescape") if isinstance(part, bytes) else part
