"""The chronicle: the buckets of boards that the history stream does not hold any more, in SQL.

Owns: the tables `history` and `history_marks`, adding buckets once, thinning them by age, reading them back. Leaves to
others: when to copy what (`chronicling.py`), buckets as they are in Redis (`buckets.py`), the engine (`store/sql.py`).

A mark says up to which entry of its stream a board was copied. It is moved in the transaction that adds the buckets, so
however many copy at the same time, and whoever is killed, each is added once.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from dashboard.core.buckets import Bucket
from dashboard.store.sql import reading, writing

log = logging.getLogger(__name__)

TIERS = ((86_400_000, 60_000), (30 * 86_400_000, 3_600_000))
"""From which age on one bucket is kept in which span, both in ms; what is younger is kept whole."""
PART = 5000
"""About so many buckets are thinned in one transaction; more than a span can have."""

_tables = sa.MetaData()
_history = sa.Table(
    "history",
    _tables,
    sa.Column("board", sa.String(64), primary_key=True),
    sa.Column("life", sa.String(12), primary_key=True),  # another board of the same name has another one
    sa.Column("kind", sa.String(8), primary_key=True),
    sa.Column("at_ms", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("period", sa.String(40), nullable=False),
    sa.Column("scores", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("top", sa.Text, nullable=False),  # JSON, see Bucket
    # all that steps are made of, without the long texts
    sa.Index("history_by_period", "board", "life", "kind", "period", "at_ms", "scores"),
)
_marks = sa.Table(
    "history_marks",
    _tables,
    sa.Column("board", sa.String(64), primary_key=True),
    sa.Column("life", sa.String(12), primary_key=True),
    sa.Column("entry", sa.String(42), nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("minutes_ms", sa.BigInteger, nullable=False),
    sa.Column("hours_ms", sa.BigInteger, nullable=False),
)
TIER_MARKS = ("minutes_ms", "hours_ms")


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one life of a board is chronicled: the last entry copied, when its bucket began, until where it is thinned
    to one bucket a minute, and to one an hour.
    """

    board: str
    life: str
    entry: str = "0-0"
    at_ms: int = 0
    minutes_ms: int = 0
    hours_ms: int = 0


class Chronicle:
    """The history of boards in one database. Everything raises SourceUnavailable where it does not answer."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def prepare(self) -> None:
        """Make the tables where they are missing."""
        with writing(self._engine) as sql:
            _tables.create_all(sql)

    def marks(self) -> dict[tuple[str, str], Mark]:
        """The mark of every board by name and life. One read."""
        with reading(self._engine) as sql:
            return {(row.board, row.life): Mark(*row) for row in sql.execute(_marks.select())}

    def add(self, board: str, life: str, entries: Sequence[tuple[str, Sequence[Bucket]]]) -> bool:
        """Add the buckets of entries of the board's stream, each by its id, in their order; those up to the mark are there
        already. Whether all are there now; else somebody is at it. One transaction.
        """
        try:
            with writing(self._engine) as sql:
                found = sql.execute(_marks.select().where(_of(_marks, board, life)).with_for_update()).one_or_none()
                mark = Mark(board, life) if found is None else Mark(*found)
                fresh = [entry for entry in entries if _place(entry[0]) > _place(mark.entry)]
                buckets = [bucket for _, noted in fresh for bucket in noted]
                if not fresh:
                    return True
                names = ("at_ms", "kind", "period", "scores", "version", "top")
                if buckets:
                    rows = [{name: getattr(bucket, name) for name in names} for bucket in buckets]
                    sql.execute(_history.insert(), [{"board": board, "life": life} | row for row in rows])
                moved = {"entry": fresh[-1][0], "at_ms": max((b.at_ms for b in buckets), default=mark.at_ms)}
                if found is None:
                    sql.execute(_marks.insert().values(board=board, life=life, minutes_ms=0, hours_ms=0, **moved))
                else:
                    sql.execute(_marks.update().where(_of(_marks, board, life)).values(moved))
        except sa.exc.IntegrityError:  # two began this life's mark at the same time: the other one did
            log.debug("history of %s: somebody is at it", board)
            return False
        return True

    def thin(self, mark: Mark, now_ms: int) -> None:
        """Thin what has grown old since the mark was made. One transaction for PART buckets."""
        for (age_ms, span_ms), column in zip(TIERS, TIER_MARKS, strict=True):
            until_ms = min(now_ms - age_ms, mark.at_ms) // span_ms * span_ms
            start_ms: int | None = getattr(mark, column)
            while start_ms is not None and start_ms < until_ms:
                start_ms = self._thin(mark, column, span_ms, until_ms)

    def _thin(self, mark: Mark, column: str, span_ms: int, until_ms: int) -> int | None:
        """Keep the last bucket of each span in the first part that is due; until where that goes, None for no more."""
        mine, at = _of(_history, mark.board, mark.life), _history.c.at_ms
        marked = _of(_marks, mark.board, mark.life)
        with writing(self._engine) as sql:
            begin = sql.scalar(sa.select(_marks.c[column]).where(marked).with_for_update())
            if begin is None:
                return None  # the board was deleted
            due = sa.select(at).where(mine, at >= begin, at < until_ms).order_by(at)
            beyond = sql.scalar(due.offset(PART).limit(1))
            end = until_ms if beyond is None else beyond // span_ms * span_ms
            part = sa.and_(mine, at >= begin, at < end)
            span = (at // span_ms).label("span")
            ask = sa.select(_history.c.kind, span, sa.func.max(at), sa.func.sum(_history.c.scores)).where(part)
            crowded = sql.execute(ask.group_by("kind", "span").having(sa.func.count() > 1)).all()
            for kind, number, last, scores in crowded:
                same = sa.and_(mine, _history.c.kind == kind)
                sql.execute(_history.update().where(same, at == last).values(scores=int(scores)))
                sql.execute(_history.delete().where(same, at >= number * span_ms, at < last))
            sql.execute(_marks.update().where(marked).values({column: max(begin, end)}))
        return end

    def forget(self, board: str) -> None:
        """Delete the history of every life of a board. One transaction."""
        with writing(self._engine) as sql:
            for table in (_history, _marks):
                sql.execute(table.delete().where(table.c.board == board))

    def find(self, board: str, life: str, kind: str, before_ms: int) -> Bucket | None:
        """The last bucket of a kind of period that began before an instant. One read."""
        before = sa.and_(_of_kind(board, life, kind), _history.c.at_ms < before_ms)
        with reading(self._engine) as sql:
            found = sql.execute(
                sa.select(*BUCKET).where(before).order_by(_history.c.at_ms.desc()).limit(1)
            ).one_or_none()
        return None if found is None else Bucket(*found)

    def read(
        self, board: str, life: str, period: str, from_ms: int, to_ms: int, step_ms: int, most: int
    ) -> list[Bucket]:
        """The last bucket of a period in each step of [from_ms, to_ms), with what came in all of the step, oldest first, up
        to `most` of them. Two reads.
        """
        at, mine = _history.c.at_ms, _of_kind(board, life, period.partition(":")[0])
        last = sa.func.max(at)
        ask = sa.select(last, sa.func.sum(_history.c.scores)).group_by(at // step_ms).order_by(last).limit(most)
        with reading(self._engine) as sql:
            here = sa.and_(mine, _history.c.period == period, at >= from_ms, at < to_ms)
            came = {row[0]: int(row[1]) for row in sql.execute(ask.where(here))}
            found = sql.execute(sa.select(*BUCKET).where(mine, at.in_(came)).order_by(at)).all()
        return [Bucket(row[0], came[row[0]], *row[2:]) for row in found]

    def starts(self, board: str, life: str, kind: str, from_ms: int, to_ms: int, step_ms: int) -> list[int]:
        """When the last bucket of each step of [from_ms, to_ms) began, oldest first. One read of an index."""
        at, last = _history.c.at_ms, sa.func.max(_history.c.at_ms)
        here = sa.and_(_of_kind(board, life, kind), at >= from_ms, at < to_ms)
        with reading(self._engine) as sql:
            return list(sql.scalars(sa.select(last).where(here).group_by(at // step_ms).order_by(last)))


BUCKET = (_history.c.at_ms, _history.c.scores, _history.c.period, _history.c.version, _history.c.top)


def _of(table: sa.Table, board: str, life: str) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.board == board, table.c.life == life)


def _of_kind(board: str, life: str, kind: str) -> sa.ColumnElement[bool]:
    return sa.and_(_of(_history, board, life), _history.c.kind == kind)


def _place(entry: str) -> tuple[int, int]:
    """A stream's ids in their order."""
    ms, _, number = entry.partition("-")
    return int(ms), int(number)
