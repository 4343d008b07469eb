"""What comes in: every mistake is listed with the pointer of its place, and nothing is converted in silence."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from dashboard.errors import InvalidInput
from dashboard.values import MAX_SCORE, Score
from dashboard.web import board_models, models
from dashboard.web.problems import problem

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
WHAT_COMES_IN = (
    models.ScoreIn,
    board_models.BoardIn,
    models.StandingsIn,
    models.RemovalIn,
    models.SubscribeIn,
    models.SyncIn,
)


def mistakes(model: type[BaseModel], value: object) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        models.validate(model, value)
    return dict(refused.value.errors)


@pytest.mark.parametrize("model", WHAT_COMES_IN)
@given(value=values)
def test_any_value_is_taken_or_refused_with_pointers(model: type[BaseModel], value: Any) -> None:
    found: tuple[tuple[str, str], ...] = (("", "taken"),)
    try:
        models.validate(model, value)
    except InvalidInput as refused:
        found = refused.errors
    assert found
    assert all(pointer == "" or pointer.startswith("/") for pointer, _ in found)


def test_every_mistake_is_listed_with_its_pointer() -> None:
    assert mistakes(models.ScoreIn, {"score": "5", "at": "yesterday", "name/of~it": 1}) == {
        "/player": "is missing",
        "/score": "a score is an integer",
        "/at": "'yesterday' is not a time: write 2026-11-23T12:03:04Z, 2026-11-23 or epoch milliseconds",
        "/name~1of~0it": "unknown field",
    }
    assert mistakes(models.StandingsIn, {"players": ["a", "", 5]}).keys() == {"/players/1", "/players/2"}
    assert mistakes(models.ScoreIn, []) == {"": "must be an object"}


@pytest.mark.parametrize("score", [True, 1.0, "1", None, [1], MAX_SCORE + 1, -MAX_SCORE - 1, 10**400])
def test_a_score_is_an_integer_in_range_and_not_like_one(score: object) -> None:
    assert "/score" in mistakes(models.ScoreIn, {"player": "a", "score": score})


def test_the_outermost_scores_are_taken() -> None:
    for score in (MAX_SCORE, -MAX_SCORE, 0):
        assert models.validate(models.ScoreIn, {"player": "a", "score": score}).value() == Score("a", score)


@pytest.mark.parametrize("limit", [0, 1001, -1, True, "5", 5.0])
def test_a_subscription_has_a_limit_of_1_to_1000(limit: object) -> None:
    assert "/limit" in mistakes(models.SubscribeIn, {"topic": "board:b:all", "limit": limit})


def test_a_long_list_of_mistakes_is_cut_and_says_so() -> None:
    """A body of 1 MiB must not be answered with five."""
    body = {f"k{n}": n for n in range(100_000)}
    with pytest.raises(InvalidInput) as refused:
        models.validate(models.ScoreIn, body)
    assert len(refused.value.errors) == models.LISTED
    assert refused.value.detail.endswith("and 99999 more.")
    with pytest.raises(InvalidInput) as refused:
        models.split_scores({"scores": [], **body})
    assert len(refused.value.errors) == models.LISTED
    with pytest.raises(InvalidInput) as refused:
        models.split_scores({"scores": [], "a/b": 1})
    assert refused.value.errors == (("/a~1b", "unknown field"),)
    long = {"x" * 1_000_000: 1}
    with pytest.raises(InvalidInput) as refused:
        models.validate(models.RemovalIn, {"reason": "r", **long})
    assert len(refused.value.detail) < 200


@pytest.mark.parametrize("size", [0, 1001])
def test_a_batch_has_1_to_1000_scores(size: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        models.split_scores({"scores": [{"player": "a", "score": 1}] * size})
    assert dict(refused.value.errors) == {"/scores": "1 to 1000 items"}


def test_a_batch_keeps_the_places_of_its_bad_items() -> None:
    is_batch, items = models.split_scores({"scores": [{"player": "a", "score": 1}, 5, {"player": "b"}]})
    assert is_batch
    assert items[0] == Score("a", 1)
    assert [type(item) for item in items[1:]] == [InvalidInput, InvalidInput]
    second = problem(items[2], "/scores/2") if isinstance(items[2], InvalidInput) else {}
    assert second["errors"] == [{"pointer": "/scores/2/score", "message": "is missing"}]


@given(st.text() | st.from_regex(models.NAME))
def test_a_name_is_what_the_contract_says(name: str) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    fits = 1 <= len(name) <= 64 and name[0] in letters and all(c in letters + ":_.-" for c in name)
    if fits:
        assert models.clean_name(name) == name
    else:
        with pytest.raises(InvalidInput):
            models.clean_name(name)


def test_a_problem_is_json_whatever_came_in() -> None:
    hostile: tuple[Any, ...] = ({"a": float("nan")}, [[]], "x" * 5000, {"player": "\x00", "score": 1})
    for value in hostile:
        with pytest.raises(InvalidInput) as refused:
            models.validate(models.ScoreIn, value)
        assert json.loads(json.dumps(problem(refused.value), allow_nan=False))["status"] == 422
