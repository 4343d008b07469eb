"""From a row's values to a score: columns, conditions, and the reasons why a row is refused."""

import io
import json
from typing import Any

import pytest

from dashboard.core.csv_rows import CsvRows
from dashboard.core.mappings import Binding, Condition, Mapping
from dashboard.core.ndjson_rows import NdjsonRows
from dashboard.errors import ImportFailed, InvalidInput
from dashboard.values import MAX_SCORE, Score


def bound(mapping: Mapping, header: str = "name,points,when,2024") -> Binding:
    return mapping.bind(CsvRows(io.BytesIO(header.encode())))


def bound_json(mapping: Mapping, **first: Any) -> Binding:
    return mapping.bind(NdjsonRows(io.BytesIO(json.dumps(first).encode())))


def test_a_row_becomes_a_score() -> None:
    binding = bound(Mapping("name", "points", "when"))
    assert binding.score(["Ana", "-12", "1916-07-02", "7"]) == Score("Ana", -12, -1_688_342_400_000)
    assert binding.score(["Zoe\u0308", " 5 ", "1970-01-01T00:00:01Z", ""]) == Score("Zoë", 5, 1000)
    assert binding.score(["Ana", "+3", "1700000000000", ""]) == Score("Ana", 3, 1_700_000_000_000)
    assert binding.score(["Ana", "3", "20231114", ""]) == Score("Ana", 3, 1_699_920_000_000)


def test_a_number_counts_the_same_for_every_row() -> None:
    assert bound(Mapping("name", "1")).score(["Ana", "x", "y", "z"]) == Score("Ana", 1)
    assert bound(Mapping("name", "-3")).score(["Ana", "x", "y", "z"]) == Score("Ana", -3)


def test_a_column_goes_before_a_number() -> None:
    assert bound(Mapping("name", "2024")).score(["Ana", "1", "", "99"]) == Score("Ana", 99)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["", "1", "1916-07-02", ""], "no player: the column is empty"),
        (["  ", "1", "1916-07-02", ""], "no player: the column is empty"),
        (["A" * 129, "1", "1916-07-02", ""], "1 to 128 characters"),
        (["A\tB", "1", "1916-07-02", ""], "control characters"),
        (["A", "", "1916-07-02", ""], "no score: the column is empty"),
        (["A", "12.0", "1916-07-02", ""], "the score 12.0 is not a whole number"),
        (["A", "1e3", "1916-07-02", ""], "the score 1e3 is not a whole number"),
        (["A", "1_000", "1916-07-02", ""], "the score 1_000 is not a whole number"),
        (["A", "١٢", "1916-07-02", ""], "the score ١٢ is not a whole number"),
        (["A", str(MAX_SCORE + 1), "1916-07-02", ""], "a score lies within"),
        (["A", "9" * 100, "1916-07-02", ""], "is not a whole number"),
        (["A", "1", "", ""], "no time: the column is empty"),
        (["A", "1", "yesterday", ""], "'yesterday' is not a time"),
        (["A", "1", "1916-02-30", ""], "'1916-02-30' is not a time"),
        (["A", "1", "99999999999999999", ""], "outside the years"),
    ],
)
def test_a_row_is_refused_with_its_reason(values: list[str], reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        bound(Mapping("name", "points", "when")).score(values)
    assert reason in refused.value.detail


def test_json_values_keep_their_types() -> None:
    binding = bound_json(Mapping("who", "points", "at"), who=7, points=5, at=1000)
    assert binding.score({"who": 7, "points": 5, "at": 1000}) == Score("7", 5, 1000)
    assert binding.score({"who": "Ana", "points": "6", "at": "1970-01-01"}) == Score("Ana", 6, 0)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"points": 1, "at": 0}, "no player"),
        ({"who": None, "points": 1, "at": 0}, "no player"),
        ({"who": ["Ana"], "points": 1, "at": 0}, 'a player is a text, not ["Ana"]'),
        ({"who": True, "points": 1, "at": 0}, "a player is a text, not true"),
        ({"who": "\ud800", "points": 1, "at": 0}, "lone surrogates"),
        ({"who": "A", "points": 12.0, "at": 0}, "the score 12.0 is not a whole number"),
        ({"who": "A", "points": True, "at": 0}, "the score true is not a whole number"),
        ({"who": "A", "at": 0}, "no score"),
        ({"who": "A", "points": 1}, "no time"),
        ({"who": "A", "points": 1, "at": True}, "the time is true"),
        ({"who": "A", "points": 1, "at": [1]}, "the time is [1]"),
        ({"who": "A", "points": 1, "at": 1.5}, "the time is 1.5"),
    ],
)
def test_a_json_row_is_refused_with_its_reason(values: dict[str, Any], reason: str) -> None:
    binding = bound_json(Mapping("who", "points", "at"), who="A", points=1, at=1)
    binding.score({"who": "A", "points": 1, "at": 1})  # 1 is remembered as a time; True, its equal, is none
    with pytest.raises(InvalidInput) as refused:
        binding.score(values)
    assert reason in refused.value.detail


def test_all_conditions_must_hold() -> None:
    where = (Condition.parse("points=5"), Condition.parse("when!=never"))
    binding = bound(Mapping("name", "1", where=where))
    found = [binding.counts(["A", points, when, ""]) for points in ("5", "6", "5 ") for when in ("now", "never")]
    assert found == [True, False, False, False, False, False]


def test_a_condition_on_json_compares_its_text() -> None:
    rows = [{"a": "true"}, {"a": True}, {"a": None}, {"a": 1}, {"a": 1.5}, {"b": 1}]
    for value, expected in [("true", [0, 1]), ("null", [2, 5]), ("1", [3]), ("1.5", [4])]:
        binding = bound_json(Mapping("b", "1", where=(Condition("a", value),)), a=1, b=1)
        assert [i for i, row in enumerate(rows) if binding.counts(row)] == expected


def test_a_condition_is_read_up_to_its_first_equals_sign() -> None:
    assert Condition.parse("a=b=c") == Condition("a", "b=c")
    assert Condition.parse("a!=") == Condition("a", "", wanted=False)
    for text in ("a", "=b", "!=b", ""):
        with pytest.raises(ImportFailed, match="write COL=VALUE or COL!=VALUE"):
            Condition.parse(text)


@pytest.mark.parametrize(
    "mapping",
    [
        Mapping("nam", "1"),
        Mapping("name", "nam"),
        Mapping("name", "1", "nam"),
        Mapping("name", "1", None, (Condition("nam", ""),)),
    ],
)
def test_an_unknown_column_is_refused_before_any_row(mapping: Mapping) -> None:
    with pytest.raises(
        ImportFailed, match=r"there is no column 'nam'; the columns are 'name', 'points', 'when', '2024'"
    ):
        bound(mapping)


def test_a_number_that_is_no_score_is_refused_before_any_row() -> None:
    with pytest.raises(InvalidInput, match="a score lies within"):
        bound(Mapping("name", str(MAX_SCORE + 1)))


def test_equal_mappings_have_equal_keys() -> None:
    one = Mapping("a", "1", None, (Condition("b", "c"),))
    assert one.key() == Mapping("a", "1", None, (Condition("b", "c"),)).key()
    others = [Mapping("a", "1"), Mapping("a", "2", None, one.where), Mapping("a", "1", "d", one.where)]
    assert len({one.key(), *(other.key() for other in others)}) == 4
