"""Payments: what one may be, and that each is settled once, whoever dies when. On the real server and a real database."""

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dashboard.core.ledger import Ledger
from dashboard.core.payments import Payments, clean_amount, decimal, parse_payment
from dashboard.errors import InvalidInput, PaymentNotFound, SourceUnavailable
from dashboard.live.workers import DELIVERIES, Consumer
from dashboard.parts import LOCK_S, Parts
from dashboard.store import keys
from dashboard.store.group import Effect, Group
from dashboard.store.scripts import Scripts
from dashboard.store.sql import open_engine, reading, sqlite_url, writing
from dashboard.store.stream import Entry, Stream
from dashboard.values import Payment
from tests.store.hold import wait_until


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = open_engine(sqlite_url(tmp_path))
    yield made
    made.dispose()


@pytest.fixture
def payments(parts: Parts, engine: sa.Engine) -> Iterator[Payments]:
    """Payments with a stream and a ledger of their own; what is pending may be taken over at once."""
    ledger = Ledger(engine)
    ledger.prepare()
    stream = Stream(parts.client, Scripts(parts.client), f"test-{uuid.uuid4().hex[:12]}")
    group = Group(parts.client, Scripts(parts.client), stream, "payments", idle_ms=0)
    group.create()
    yield Payments(group, ledger, lambda name: parts.locks.hold(name, ttl_s=LOCK_S), parts.clock)
    parts.client.delete(stream.key, keys.dead(stream.key), keys.fates(stream.key))


@pytest.fixture
def orders(parts: Parts) -> Iterator[Any]:
    """What is published on `orders`: `orders()` lists what came since."""
    subscription = parts.client.pubsub(ignore_subscribe_messages=True)
    subscription.subscribe(keys.ORDERS)
    assert subscription.get_message(timeout=2) is None  # the answer to subscribe

    def heard() -> list[str]:
        found = []
        while message := subscription.get_message(timeout=0.2):
            found.append(message["data"].decode())
        return found

    yield heard
    subscription.close()


def rows(engine: sa.Engine) -> list[tuple[Any, ...]]:
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(sa.text('SELECT id, "user", hundredths FROM payments'))]


def work(payments: Payments, name: str = "w") -> None:
    """A worker's turns until nothing is left to do."""
    consumer = Consumer(payments.group, name, payments.settle)

    def done() -> bool:
        consumer.turn(threading.Event())
        [group] = payments.group.stream.figures()["groups"]
        return bool(group["lag"] == group["pending"] == 0)

    wait_until(done)


@pytest.mark.parametrize(
    ("text", "hundredths"),
    [("99.00", 9900), ("99", 9900), ("0.01", 1), ("0.1", 10), ("999999999.99", 99_999_999_999), ("10.5", 1050)],
)
def test_amounts_are_exact(text: str, hundredths: int) -> None:
    assert clean_amount(text) == hundredths
    assert clean_amount(decimal(hundredths)) == hundredths


NO_AMOUNTS = [
    "0",
    "0.00",
    "-1",
    "+1",
    "1.234",
    "1e3",
    "1,00",
    " 1",
    "1 ",
    "",
    "01",
    ".5",
    "1.",
    "1000000000",
    "NaN",
    "٣",
]


@pytest.mark.parametrize("amount", [*NO_AMOUNTS, 99, 99.5, None, True])
def test_what_is_no_amount_is_refused(amount: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_payment({"user": "42", "amount": amount})
    assert [pointer for pointer, _ in refused.value.errors] == ["/amount"]


def test_every_mistake_is_listed() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_payment({"user": "", "currency": "eur", "order": "a\nb", "note": "x"})
    assert {pointer for pointer, _ in refused.value.errors} == {"/user", "/amount", "/currency", "/order", "/note"}
    assert parse_payment({"user": 42, "amount": "99.00", "order": 5001}) == Payment("42", 9900, None, "5001")


def test_a_payment_is_queued_then_settled_then_announced(payments: Payments, engine: sa.Engine, orders: Any) -> None:
    id = payments.submit(Payment("42", 9900, "EUR", "5001"))
    assert payments.status(id) == {"id": id, "status": "queued"}
    [entry] = payments.group.new("other", 1)
    assert payments.status(id)["status"] == "queued"
    work(payments)
    assert rows(engine) == [(id, "42", 9900)]
    settled = payments.status(id)
    assert {name: settled[name] for name in ("status", "user", "amount", "currency", "order")} == {
        "status": "settled", "user": "42", "amount": "99.00", "currency": "EUR", "order": "5001",
    }  # fmt: skip
    assert orders() == ["Order #5001 paid"]
    assert payments.settle(entry), "a late worker finds it settled"
    assert not payments.group.finish(entry, [("PUBLISH", None, keys.ORDERS, "twice")])
    assert rows(engine) == [(id, "42", 9900)]
    assert orders() == []


def test_a_bare_xadd_is_a_payment(parts: Parts, payments: Payments, engine: sa.Engine, orders: Any) -> None:
    id = parts.client.execute_command("XADD", payments.group.stream.key, "*", "user", "42", "amount", "99.00").decode()
    work(payments)
    assert rows(engine) == [(id, "42", 9900)]
    assert orders() == [f"Order #{id} paid"]


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "42"},
        {"user": "42", "amount": "1.005"},
        {"user": b"\xff", "amount": "1"},
        {b"\xff": "x"},
        {"user": "1", "amount": "1", "x": "y"},
    ],
)
def test_a_malformed_entry_is_a_dead_letter_at_its_first_reading(
    parts: Parts, payments: Payments, engine: sa.Engine, fields: dict[Any, Any]
) -> None:
    id = parts.client.xadd(payments.group.stream.key, fields).decode()
    good = payments.submit(Payment("42", 1))
    work(payments)
    [letter] = payments.group.stream.letters()
    assert (letter.entry, letter.deliveries) == (id, 1)
    failed = payments.status(id)
    assert failed["status"] == "failed"
    assert "/" in failed["error"]
    assert payments.status(good)["status"] == "settled"
    again = payments.group.stream.retry(letter.id)
    assert payments.status(id)["status"] == payments.status(again)["status"] == "queued"
    work(payments)
    assert payments.status(id)["status"] == payments.status(again)["status"] == "failed"
    assert [row[0] for row in rows(engine)] == [good]


def test_a_dead_letter_that_is_put_back_is_settled_under_its_first_id(
    parts: Parts, payments: Payments, engine: sa.Engine
) -> None:
    id = payments.submit(Payment("42", 9900))
    payments.group.new("w", 1)
    payments.group.bury(id, "somebody made a mistake")
    assert payments.status(id)["status"] == "failed"
    [letter] = payments.group.stream.letters()
    again = payments.group.stream.retry(letter.id)
    parts.client.xdel(payments.group.stream.key, id)
    assert payments.status(id) == {"id": id, "status": "queued"}
    work(payments)
    assert rows(engine) == [(id, "42", 9900)]
    assert payments.status(id)["status"] == payments.status(again)["status"] == "settled"
    assert parts.client.hlen(keys.fates(payments.group.stream.key)) == 0


def test_killed_between_commit_and_acknowledgement_it_is_settled_once(
    payments: Payments, engine: sa.Engine, orders: Any
) -> None:
    """As the worker's process leaves things that is killed there (the journey with real kills is in tests/journeys)."""
    id = payments.submit(Payment("42", 9900))
    [entry] = payments.group.new("killed", 1)
    payments.settle(entry)  # committed, and never finished
    assert payments.status(id)["status"] == "settled"
    assert orders() == []
    work(payments)
    assert rows(engine) == [(id, "42", 9900)]
    assert orders() == [f"Order #{id} paid"]
    assert payments.group.stream.figures()["groups"][0]["pending"] == 0


class Keyless(Ledger):
    """The naive version: nothing in the database stands against a second line."""

    def prepare(self) -> None:
        with writing(self._engine) as connection:
            connection.execute(sa.text('CREATE TABLE payments (id TEXT, "user" TEXT, hundredths BIGINT)'))

    def settle(self, id: str, payment: Payment, *, fence: int, at_ms: int) -> bool:
        row = {"id": id, "user": payment.user, "hundredths": payment.hundredths}
        with writing(self._engine) as connection:
            connection.execute(sa.text("INSERT INTO payments VALUES (:id, :user, :hundredths)"), row)
        return True


@pytest.mark.parametrize(("kind", "lines"), [(Ledger, 1), (Keyless, 2)])
def test_two_that_settle_the_same_entry_at_odds_with_the_lock(tmp_path: Path, kind: type[Ledger], lines: int) -> None:
    """A worker that was paused beyond its lock's time, and the one who took over. The control is settled twice."""
    engine = open_engine(sqlite_url(tmp_path))
    ledger = kind(engine)
    ledger.prepare()
    for fence in (1, 2):
        ledger.settle("5-0", Payment("42", 9900), fence=fence, at_ms=0)
    assert len(rows(engine)) == lines
    engine.dispose()


def test_workers_that_rob_each_other_all_the_time_settle_each_once(
    payments: Payments, engine: sa.Engine, orders: Any
) -> None:
    payments.group.idle_ms = 20
    ids = [payments.submit(Payment("42", n + 1)) for n in range(20)]
    threads = [threading.Thread(target=work, args=(payments, f"w{n}")) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(row[0] for row in rows(engine)) == ids
    assert sorted(orders()) == sorted(f"Order #{id} paid" for id in ids)
    assert payments.group.stream.letters() == []


def test_without_the_database_payments_wait_and_are_no_poison(payments: Payments, engine: sa.Engine) -> None:
    id = payments.submit(Payment("42", 9900))
    stop, refused = threading.Event(), 0

    def settle(entry: Entry) -> list[Effect]:
        nonlocal refused
        refused += 1
        if refused == 3:
            stop.set()
        raise SourceUnavailable("the database is away")

    Consumer(payments.group, "w", settle).turn(stop)  # its own: nothing
    consumer = Consumer(payments.group, "w", settle)
    payments.group.new("w", 1)
    consumer.turn(stop)
    assert refused == 3
    [pending] = payments.group.own("w", "0", 1)
    assert pending.deliveries == 2, "the first reading and this one: the consumer's, which only waited, is no delivery"
    assert payments.status(id)["status"] == "queued"
    work(payments)
    assert payments.status(id)["status"] == "settled"


@pytest.mark.parametrize("id", ["1-0", "99999999999999-0", "x", "", "0-0-0", "9" * 30 + "-0"])
def test_what_is_no_payment_is_not_found(payments: Payments, id: str) -> None:
    with pytest.raises(PaymentNotFound):
        payments.status(id)


def test_a_payment_whose_lock_outlives_its_worker_is_no_poison(
    parts: Parts, payments: Payments, engine: sa.Engine
) -> None:
    """Workers of one name are killed again and again while the lock of the first one still stands."""
    id = payments.submit(Payment("42", 9900))
    other = payments.submit(Payment("42", 1))
    payments.group.new("w", 16)
    with parts.locks.hold(f"payment:{id}", ttl_s=LOCK_S):
        for _ in range(DELIVERIES + 2):
            consumer = Consumer(payments.group, "w", payments.settle)
            killed = threading.Event()
            killed.set()  # at its first wait, as far as the store can tell
            consumer.turn(killed)
        consumer.turn(threading.Event())
        assert payments.status(other)["status"] == "settled", "it does not hold up the others"
        assert payments.status(id)["status"] == "queued"
    work(payments)
    assert sorted(row[0] for row in rows(engine)) == [id, other]
    assert payments.group.stream.letters() == []
