"""Requests that count once: what the scripts that count remember of them, and what they do not."""

import uuid
from typing import Any

import pytest

from dashboard.errors import IdempotencyConflict, InvalidInput, ScorecastError, StreamFull, TooLate
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.store.once import KEPT_MS, Once
from dashboard.values import BoardSettings, Payment, Result, Review, Score
from tests.core.times import DAY_MS, store_ms


@pytest.fixture
def once() -> Once:
    return Once(uuid.uuid4().hex * 2, "print")


def again(once: Once) -> Once:
    return Once(once.digest, once.print)


def shown(results: list[Any]) -> list[Any]:
    return [
        (type(result), str(result), getattr(result, "errors", None)) if isinstance(result, ScorecastError) else result
        for result in results
    ]


def test_the_whole_answer_of_then_comes_again_whatever_happened_since(parts: Parts, board: str, once: Once) -> None:
    now = store_ms(parts.client)
    parts.boards.put(board, BoardSettings(rule="sum", periods=("day",), late_s=2 * DAY_MS // 1000))
    scores = [
        Score("a", 1),
        Score("a", 2, now + 90_000),  # has not come yet
        Score("a", 4, now - 10 * DAY_MS),
        Score("a", 8, now - DAY_MS, id="mine"),
        Score("a", 16, columns={"x": 1}),
    ]
    first = parts.scores.submit(board, scores, once=once)
    assert [type(result) for result in first] == [Result, InvalidInput, TooLate, Result, InvalidInput]
    assert not once.replayed
    parts.boards.put(
        board, BoardSettings(rule="sum", periods=("day",), late_s=20 * DAY_MS // 1000)
    )  # no longer too late
    accepted, repeated = parts.scores.accepted, again(once)
    assert shown(parts.scores.submit(board, scores, once=repeated)) == shown(first)
    assert repeated.replayed
    assert parts.scores.accepted == accepted
    assert parts.client.xlen(keys.events(board)) == 2
    assert 0 < parts.client.pttl(keys.answered(board, once.digest)) <= DAY_MS


def test_a_board_that_begins_anew_has_forgotten_and_its_span_is_its_own(parts: Parts, board: str, once: Once) -> None:
    parts.boards.put(board, BoardSettings(rule="sum", id_s=60))
    for _ in range(2):
        parts.scores.submit(board, [Score("a", 1)], once=again(once))
    assert 0 < parts.client.pttl(keys.answered(board, once.digest)) <= 60_000
    with pytest.raises(IdempotencyConflict):
        parts.scores.submit(board, [Score("a", 1), Score("b", 1)], once=Once(once.digest, "another"))
    assert parts.rankings.player(board, "a").row.score == parts.rankings.player(board, "a").players == 1
    parts.boards.delete(board)
    parts.boards.put(board, BoardSettings(rule="sum"))
    anew = again(once)
    parts.scores.submit(board, [Score("a", 1)], once=anew)
    assert (parts.rankings.player(board, "a").row.score, anew.replayed) == (1, False)


@pytest.mark.parametrize("id", [None, "mine"])
def test_what_only_lacked_room_is_tried_again(id: str | None, parts: Parts, board: str, once: Once) -> None:
    parts.boards.put(board, BoardSettings(rule="sum", review=Review(above=10)))
    with parts.client.pipeline(transaction=False) as pipe:
        for _ in range(10_000):
            pipe.xadd(keys.review(board), {"x": ""})
        pipe.execute()
    scores = [Score("a", 1), Score("a", 11, id=id)]
    first = parts.scores.submit(board, scores, once=again(once))
    assert isinstance(first[1], StreamFull)
    parts.client.xtrim(keys.review(board), maxlen=0, approximate=False)
    later = [again(once), again(once)]
    second, third = (parts.scores.submit(board, scores, once=one) for one in later)
    assert first[0] == second[0] == third[0]
    assert isinstance(second[1], Result)
    assert second[1].review
    assert third[1] == second[1]
    assert [one.replayed for one in later] == [False, True]
    assert parts.client.xlen(keys.review(board)) == parts.client.xlen(keys.events(board)) == 1


def test_a_payment_is_queued_once_and_remembered_for_a_day(parts: Parts, once: Once) -> None:
    before, repeated = parts.client.xlen(keys.PAYMENTS), again(once)
    id = parts.payments.submit(Payment("42", 9900), once)
    assert parts.payments.submit(Payment("42", 9900), repeated) == id
    assert (once.replayed, repeated.replayed) == (False, True)
    with pytest.raises(IdempotencyConflict):
        parts.payments.submit(Payment("42", 9900), Once(once.digest, "another"))
    assert parts.client.xlen(keys.PAYMENTS) == before + 1
    assert 0 < parts.client.pttl(keys.added(keys.PAYMENTS, once.digest)) <= KEPT_MS
    assert parts.payments.submit(Payment("42", 9900)) != id  # control
