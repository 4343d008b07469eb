"""The ledger: settled payments, in SQL, each once.

Owns: the table `payments` and its one write. Leaves to others: the queue and its rules (`payments.py`), the engine.
"""

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from dashboard.store.sql import reading, writing
from dashboard.values import Payment, Settled

_tables = sa.MetaData()
_payments = sa.Table(
    "payments",
    _tables,
    sa.Column("id", sa.String(41), primary_key=True),  # the entry's id: the unique key that makes settling exactly-once
    sa.Column("user", sa.String(128), nullable=False, index=True),
    sa.Column("hundredths", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3)),
    sa.Column("order", sa.String(64)),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("settled_at_ms", sa.BigInteger, nullable=False),
)


class Ledger:
    """Settled payments of one database. Amounts are kept as integers of hundredths, so that sums are exact."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def prepare(self) -> None:
        """Make the table where it is missing. Raises SourceUnavailable."""
        with writing(self._engine) as connection:
            _tables.create_all(connection)

    def settle(self, id: str, payment: Payment, *, fence: int, at_ms: int) -> bool:
        """Write one payment; false if it was settled before. When it returns the write is on disk.

        Raises SourceUnavailable. One transaction.
        """
        row = {"id": id, "user": payment.user, "hundredths": payment.hundredths, "currency": payment.currency}
        row |= {"order": payment.order, "fence": fence, "settled_at_ms": at_ms}
        try:
            with writing(self._engine) as connection:
                connection.execute(_payments.insert().values(row))
        except IntegrityError:
            return False
        return True

    def find(self, id: str) -> Settled | None:
        """A settled payment. Raises SourceUnavailable. One read."""
        with reading(self._engine) as connection:
            row = connection.execute(_payments.select().where(_payments.c.id == id)).mappings().one_or_none()
        if row is None:
            return None
        payment = Payment(row["user"], row["hundredths"], row["currency"], row["order"])
        return Settled(payment, row["fence"], row["settled_at_ms"])
