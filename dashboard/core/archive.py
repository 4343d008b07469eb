"""The archive: final rankings of closed periods, in SQL, for ever.

Owns: the tables `archives` and `archived_rows`, writing a ranking once, reading it back. Leaves to others: when a
ranking is final (`archiving.py`), the engine (`store/sql.py`).

A large ranking is written in parts. They belong to the fence of the lock under which they are written, and count from
the transaction on in which `archives` names that fence. A smaller fence than the one it names is refused.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from dashboard.core.cursors import write_cursor
from dashboard.errors import BadCursor, LockLost, PlayerNotFound
from dashboard.store.sql import reading, writing
from dashboard.values import Page, Standing

_tables = sa.MetaData()
_archives = sa.Table(
    "archives",
    _tables,
    sa.Column("board", sa.String(64), primary_key=True),
    sa.Column("life", sa.String(12), primary_key=True),  # another board of the same name has another one
    sa.Column("period", sa.String(40), primary_key=True),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),  # of the board, at the ranking's last change
    sa.Column("players", sa.BigInteger, nullable=False),
    sa.Column("archived_at_ms", sa.BigInteger, nullable=False),
)
_rows = sa.Table(
    "archived_rows",
    _tables,
    sa.Column("board", sa.String(64), primary_key=True),
    sa.Column("life", sa.String(12), primary_key=True),
    sa.Column("period", sa.String(40), primary_key=True),
    sa.Column("fence", sa.BigInteger, primary_key=True),
    sa.Column("place", sa.BigInteger, primary_key=True),  # from 1; those who share a rank have places of their own
    sa.Column("rank", sa.BigInteger, nullable=False),
    sa.Column("player", sa.String(128), nullable=False),
    sa.Column("score", sa.BigInteger, nullable=False),
    sa.Column("columns", sa.Text),  # {name: value} as JSON
    sa.Column("at", sa.String(24)),  # RFC 3339
    sa.Column("data", sa.Text),  # JSON
    sa.Index("archived_rows_by_player", "board", "life", "period", "fence", "player"),
)


@dataclass(frozen=True, slots=True)
class Archived:
    """A ranking in the archive: of which board's life and period, and what is known of it as a whole."""

    board: str
    life: str
    period: str
    fence: int
    version: int
    players: int


class Archive:
    """Rankings of closed periods in one database. Everything raises SourceUnavailable where it does not answer."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def prepare(self) -> None:
        """Make the tables where they are missing."""
        with writing(self._engine) as sql:
            _tables.create_all(sql)

    def add(self, ranking: Archived, place: int, rows: Sequence[Standing]) -> None:
        """Write a part of a ranking, whose first row stands at that place. It does not count yet. One transaction."""
        key = {name: getattr(ranking, name) for name in ("board", "life", "period", "fence")}
        parts = [key | _row(row) | {"place": place + i} for i, row in enumerate(rows)]
        with writing(self._engine) as sql:
            same = _of(_rows, ranking) & (_rows.c.fence == ranking.fence)
            sql.execute(_rows.delete().where(same & (_rows.c.place >= place)))  # of a try that did not come to its end
            if parts:
                sql.execute(_rows.insert(), parts)

    def finish(self, ranking: Archived, at_ms: int) -> None:
        """Let the parts count, instead of those of an older fence. Raises LockLost where a later holder was here.

        When it returns the ranking is on disk. One transaction.
        """
        with writing(self._engine) as sql:
            fence = sql.scalar(sa.select(_archives.c.fence).where(_of(_archives, ranking)))
            if fence is not None and fence > ranking.fence:
                raise LockLost(f"A later holder of the lock archived {ranking.period} of the board {ranking.board!r}.")
            sql.execute(_archives.delete().where(_of(_archives, ranking)))
            row = {name: getattr(ranking, name) for name in Archived.__slots__}
            sql.execute(_archives.insert().values(row | {"archived_at_ms": at_ms}))
            sql.execute(_rows.delete().where(_of(_rows, ranking) & (_rows.c.fence < ranking.fence)))

    def find(self, board: str, life: str, period: str) -> Archived | None:
        """What is archived of a period, None for nothing. One read."""
        wanted = Archived(board, life, period, 0, 0, 0)
        with reading(self._engine) as sql:
            row = sql.execute(_archives.select().where(_of(_archives, wanted))).mappings().one_or_none()
        return None if row is None else Archived(**{name: row[name] for name in Archived.__slots__})

    def periods(self, board: str, life: str, kind: str) -> set[str]:
        """The ids of those periods of a kind in whose archived ranking somebody stands. One read."""
        mine = (_archives.c.board == board) & (_archives.c.life == life) & _archives.c.period.startswith(f"{kind}:")
        with reading(self._engine) as sql:
            return set(sql.scalars(sa.select(_archives.c.period).where(mine & (_archives.c.players > 0))))

    def page(self, ranking: Archived, width: int, limit: int, where: Sequence[str | int]) -> Page:
        """Rows as read_rows.lua gives them: `where` is `at` a number of rows, `after` a cursor's two parts, `around` a
        player with a radius, or `players`. `width` is that of a prefix in members, which a cursor from Redis has.

        Raises PlayerNotFound, and BadCursor where its row is not here. Two reads at the most.
        """
        how, *which = where
        if how == "players":
            rows = tuple(row for _, row in self.players(ranking, [str(player) for player in which]))
            return Page(ranking.board, ranking.period, ranking.players, ranking.version, rows)
        place = 1 + int(which[0]) if how == "at" else self._place(ranking, width, where)
        if how == "around":
            first, last = max(1, place - int(which[1])), place + int(which[1])
            place, limit = first, last + 1 - first
        rows = self.rows(ranking, place, limit)
        end = place + len(rows) - 1
        next = write_cursor(end, "") if rows and end < ranking.players else None
        return Page(ranking.board, ranking.period, ranking.players, ranking.version, rows, next)

    def _place(self, ranking: Archived, width: int, where: Sequence[str | int]) -> int:
        """Where the player of `around` stands, or the row behind that of a cursor."""
        if where[0] == "after" and where[2] == "":
            return int(where[1]) + 1
        player = str(where[1]) if where[0] == "around" else str(where[2])[width:]
        found = self.players(ranking, [player])
        if found:
            return found[0][0] + (where[0] == "after")
        if where[0] == "after":
            raise BadCursor("The row of this cursor is not in the archive: begin anew.", ("/cursor", "unknown"))
        raise PlayerNotFound(f"There is no player {player!r} on the board {ranking.board!r} ({ranking.period}).")

    def rows(self, ranking: Archived, place: int, limit: int) -> tuple[Standing, ...]:
        """Up to `limit` rows from that place on, which counts from 1. One read."""
        within = _rows.c.place.between(place, place + limit - 1)
        return tuple(row for _, row in self._read(ranking, within))

    def players(self, ranking: Archived, players: Sequence[str]) -> list[tuple[int, Standing]]:
        """The places and rows of up to 1,000 players, in order. One read."""
        return self._read(ranking, _rows.c.player.in_(players))

    def _read(self, ranking: Archived, which: sa.ColumnElement[bool]) -> list[tuple[int, Standing]]:
        wanted = _of(_rows, ranking) & (_rows.c.fence == ranking.fence) & which
        with reading(self._engine) as sql:
            found = sql.execute(_rows.select().where(wanted).order_by(_rows.c.place)).mappings().all()
        return [(row["place"], _standing(row)) for row in found]


def _of(table: sa.Table, ranking: Archived) -> sa.ColumnElement[bool]:
    same = (getattr(table.c, name) == getattr(ranking, name) for name in ("board", "life", "period"))
    return sa.and_(*same)


def _row(row: Standing) -> dict[str, object]:
    columns = json.dumps(dict(row.columns), ensure_ascii=False) if row.columns else None
    known = {name: getattr(row, name) for name in ("rank", "player", "score", "at", "data")}
    return known | {"columns": columns}


def _standing(row: sa.RowMapping) -> Standing:
    columns = tuple(json.loads(row["columns"]).items()) if row["columns"] else ()
    return Standing(row["rank"], row["player"], row["score"], columns, row["at"], row["data"])
