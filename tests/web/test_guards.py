"""Keys: whoever has one may write, whoever has the operator's may operate, and reading is free."""

import statistics
import time

import pytest
from werkzeug.datastructures import Headers

from dashboard.errors import Forbidden, Unauthorized
from dashboard.web.guards import Guard, key_of

KEYS = ("one", "two", "schlüssel", "ключ", "a b")


def may(guard: Guard, key: str | None) -> tuple[bool, str]:
    """Whether the key may write, and what becomes of it as an operator's."""
    try:
        guard.may_write(key)
        write = True
    except Unauthorized:
        write = False
    try:
        guard.may_operate(key)
        operate = "yes"
    except (Unauthorized, Forbidden) as refused:
        operate = refused.code
    return write, operate


@pytest.mark.parametrize("key", KEYS)
def test_each_of_the_keys_may_write_and_not_operate(key: str) -> None:
    assert may(Guard(KEYS, "chief"), key) == (True, "unauthorized")
    assert may(Guard(KEYS, None), key) == (True, "forbidden"), "nobody can: no operator's key is set"


@pytest.mark.parametrize(
    "key", [None, "", "On", "one ", "one,two", "onetwo", "ONE", "\ud800", "öne", "chief2", "x" * 100_000]
)
def test_any_other_key_may_not(key: str | None) -> None:
    assert may(Guard(KEYS, "chief"), key) == (False, "unauthorized")


def test_the_operator_may_both() -> None:
    assert may(Guard(KEYS, "chief"), "chief") == (True, "yes")
    assert may(Guard((), "chief"), "chief") == (True, "yes")


def test_without_keys_all_may_write_and_without_an_operators_key_all_may_operate() -> None:
    assert may(Guard((), None), None) == (True, "yes")
    assert may(Guard((), "chief"), None) == (True, "unauthorized")


@pytest.mark.parametrize("key", KEYS)
def test_a_key_comes_as_a_header_or_as_a_bearer_token_in_utf8(key: str) -> None:
    sent = key.encode().decode("latin-1")  # the bytes that curl sends, as WSGI hands them over
    assert key_of(Headers({"X-API-Key": sent})) == key
    assert key_of({"X-API-Key": sent}) == key
    for scheme in ("Bearer", "bearer", "BEARER "):
        assert key_of(Headers({"Authorization": f"{scheme} {sent}"})) == key


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Basic b25l"}, {"Authorization": "one"}, {"Authorization": ""}, {"X-API-Key": ""}]
)
def test_no_key_is_no_key(headers: dict[str, str]) -> None:
    assert key_of(headers) is None


def test_a_header_that_is_not_utf8_is_a_wrong_key() -> None:
    assert may(Guard(KEYS, None), key_of({"X-API-Key": "schl\xfcssel"})) == (False, "forbidden")


def test_the_header_wins_over_the_token() -> None:
    assert key_of({"X-API-Key": "one", "Authorization": "Bearer two"}) == "one"


def test_all_keys_are_compared_whichever_is_right() -> None:
    """So that time does not tell the place of a key. Leaving off at the one that fits would make the first 400 times faster."""
    keys = tuple(f"{n:064}" for n in range(400))
    guard = Guard(keys, None)

    def took(key: str) -> float:
        began = time.perf_counter()
        guard.may_write(key)
        return time.perf_counter() - began

    first, last = (statistics.median(took(key) for _ in range(60)) for key in (keys[0], keys[-1]))
    assert 0.2 < first / last < 5
