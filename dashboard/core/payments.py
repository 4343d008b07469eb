"""Payments: from the request to settle one to its line in the ledger, once.

Owns: what a payment may be, its queue (the stream `payments-stream`, which other programs may write too), settling.
Leaves to others: the ledger (`ledger.py`), the loop (`live/workers.py`), HTTP (`web/`).
"""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from dashboard.core.clock import Clock
from dashboard.core.ledger import Ledger
from dashboard.core.periods import rfc3339
from dashboard.core.scores import clean_player
from dashboard.errors import InvalidInput, PaymentNotFound
from dashboard.store import keys
from dashboard.store.group import Effect, Group
from dashboard.store.once import Once
from dashboard.store.stream import ID, RETRY_OF, Entry, Letter
from dashboard.values import Payment, Settled

GROUP = "payments"
MOST = 99_999_999_999
"""Hundredths: 999,999,999.99."""
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,8})(?:\.([0-9]{1,2}))?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")


class Held(Protocol):
    """A lock that is held; `fence` rises with every holder."""

    @property
    def fence(self) -> int: ...


Locked = Callable[[str], AbstractContextManager[Held]]


def clean_amount(value: object) -> int:
    """Hundredths of a decimal text such as `99.00`. Raises InvalidInput."""
    match = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidInput(
            "an amount is a decimal text such as '99.00', at most 999999999.99, with at most 2 decimals",
            ("/amount", "must be a decimal text such as '99.00', with at most 2 decimals, up to 999999999.99"),
        )
    hundredths = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    if hundredths == 0:
        raise InvalidInput("an amount is more than 0", ("/amount", "must be more than 0"))
    return hundredths


def clean_user(value: object) -> str:
    """Whom it concerns: an id (42 and "42" are the same) or a name. Raises InvalidInput."""
    try:
        return clean_player(str(value) if isinstance(value, int) and not isinstance(value, bool) else value)
    except InvalidInput as error:
        raise InvalidInput(error.detail.replace("player", "user"), ("/user", "1 to 128 characters")) from None


def clean_currency(value: object) -> str:
    """An ISO 4217 code. Raises InvalidInput."""
    if isinstance(value, str) and _CURRENCY.fullmatch(value):
        return value
    raise InvalidInput("a currency is a code of three letters such as EUR", ("/currency", "three letters such as EUR"))


def clean_order(value: object) -> str:
    """The shop's own number or name of the order. Raises InvalidInput."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and 1 <= len(value) <= 64 and value.isprintable():
        return value
    raise InvalidInput("an order is a text of 1 to 64 printable characters", ("/order", "1 to 64 characters"))


_CLEAN: dict[str, Callable[[object], Any]] = {
    "user": clean_user,
    "amount": clean_amount,
    "currency": clean_currency,
    "order": clean_order,
}


def parse_payment(fields: Mapping[str, object]) -> Payment:
    """The payment of a JSON object or of an entry's fields. Raises InvalidInput that lists every mistake."""
    wrong: list[tuple[str, str]] = [(f"/{name}", "is missing") for name in ("user", "amount") if name not in fields]
    clean: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in _CLEAN:
            wrong.append((f"/{name[:64]}", "unknown field"))
            continue
        try:
            clean[name] = _CLEAN[name](value)
        except InvalidInput as error:
            wrong += error.errors
    if wrong:
        raise InvalidInput("; ".join(f"{pointer}: {message}" for pointer, message in wrong[:5]), *wrong)
    return Payment(clean["user"], clean["amount"], clean.get("currency"), clean.get("order"))


def decimal(hundredths: int) -> str:
    """An amount as it goes over the wire: `99.00`."""
    return f"{hundredths // 100}.{hundredths % 100:02d}"


class Payments:
    """`locked(name)` is a context that holds that lock. It spares two workers the same work; that a payment is settled
    once follows from the ledger's unique key alone.
    """

    def __init__(self, group: Group, ledger: Ledger, locked: Locked, clock: Clock) -> None:
        self.group = group
        self._stream = group.stream
        self._ledger = ledger
        self._locked = locked
        self._clock = clock

    def submit(self, payment: Payment, once: Once | None = None) -> str:
        """Queue a payment; its id. With `once` it is queued once, and its id comes again.

        Raises StreamFull, IdempotencyConflict, StoreUnavailable (not acknowledged). One round trip.
        """
        fields = {"user": payment.user, "amount": decimal(payment.hundredths)}
        fields |= {"currency": payment.currency} if payment.currency else {}
        fields |= {"order": payment.order} if payment.order else {}
        return self._stream.add(fields, once)

    def settle(self, entry: Entry) -> list[Effect]:
        """Put the entry's payment into the ledger, unless it is there; what is left to do in Redis.

        Killed between the ledger's commit and that, the entry is delivered again, found settled, and finished.
        Raises InvalidInput for what is no payment, SourceUnavailable, StoreUnavailable, LockHeld.
        """
        payment = parse_payment({name: value for name, value in entry.fields.items() if name != RETRY_OF})
        with self._locked(f"payment:{entry.origin}") as held:
            self._ledger.settle(entry.origin, payment, fence=held.fence, at_ms=self._clock.now_ms())
        return [("PUBLISH", None, keys.ORDERS, f"Order #{payment.order or entry.origin} paid")]

    def status(self, id: str) -> dict[str, Any]:
        """`{"id", "status", ...}`: queued, settled (user, amount, settled_at, ...) or failed (error).

        Raises PaymentNotFound, SourceUnavailable, StoreUnavailable. At most two reads and five round trips.
        """
        if not ID.fullmatch(id):
            raise PaymentNotFound(f"{id[:64]!r} is no payment's id: take it from the answer to its POST.")
        if settled := self._ledger.find(id):
            return {"id": id, "status": "settled"} | _settled(settled)
        fate = self._stream.fate(id)
        if isinstance(fate, Letter):
            return {"id": id, "status": "failed", "error": fate.error, "letter": fate.id}
        fields = self._stream.get(id)
        first = Entry(id, fields or {}).origin
        if first != id:  # put back from the dead letters
            return self.status(first) | {"id": id}
        if fate == "retried" or (fields and self.group.is_open(id)):
            return {"id": id, "status": "queued"}
        if settled := self._ledger.find(id):  # meanwhile
            return {"id": id, "status": "settled"} | _settled(settled)
        if fields:
            return {"id": id, "status": "failed", "error": "its dead letter is not kept any more"}
        raise PaymentNotFound(f"There is no payment {id}.")


def _settled(settled: Settled) -> dict[str, Any]:
    payment = settled.payment
    answer = {"user": payment.user, "amount": decimal(payment.hundredths)}
    answer |= {"currency": payment.currency} if payment.currency else {}
    answer |= {"order": payment.order} if payment.order else {}
    return answer | {"settled_at": rfc3339(settled.at_ms), "fence": settled.fence}
