"""Strict JSON: whatever bytes come in, they give exactly what they say or MalformedInput, and nothing else."""

import json
import math
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dashboard.errors import MalformedInput, TooLarge
from dashboard.web.bodies import MAX_BYTES, MAX_DEPTH, parse

texts = st.text()  # no surrogates: they cannot be encoded
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
pieces = st.sampled_from(
    [
        *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"d800", b"dc00", b"NaN", b"Infinity", b"-", b"1"),
        *(b"e999", b'"a":1', b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"true", b"null", b" ", b"\x00", b"9" * 5000),
        *(b"[" * 40, b"0.1"),
    ]
)
anything = st.binary(max_size=200) | st.lists(pieces, max_size=12).map(b"".join)


class Twice(ValueError):
    """A key came twice in one object."""


def reference(body: bytes) -> Any:
    """What a plain reader says of it: the value, or some ValueError or RecursionError where the JSON is not strict."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise Twice
        return dict(pairs)

    def finite(text: str) -> float:
        if math.isinf(float(text)):
            raise ValueError(text)
        return float(text)

    def refuse(name: str) -> Any:
        raise ValueError(name)

    value = json.loads(body.decode(), object_pairs_hook=once, parse_float=finite, parse_constant=refuse)
    json.dumps(value, ensure_ascii=False).encode()
    if depth(value) > MAX_DEPTH:
        raise ValueError("deep")
    return value


def depth(value: Any) -> int:
    if isinstance(value, dict | list):
        return 1 + max((depth(inner) for inner in (value.values() if isinstance(value, dict) else value)), default=0)
    return 0


def agree(body: bytes) -> None:
    try:
        expected = reference(body)
    except (ValueError, RecursionError):
        with pytest.raises(MalformedInput):
            parse(body)
    else:
        found = parse(body)
        assert repr(found) == repr(expected)  # 1 is not 1.0, 0.0 is not -0.0


@settings(max_examples=400, deadline=None)
@given(anything)
@example(b"[" * 32 + b"]" * 32)
@example(b"[" * 33 + b"]" * 33)
@example(b'{"a":' * 33 + b"1" + b"}" * 33)
@example(b"[" * 100_000)
@example(b'{"a":' * 50_000)
@example(b'["' + b"[" * 5000 + b'"]')
@example(b'["\\"' + b"[" * 5000 + b'"]')
@example(b'["\\\\",' + b"[" * 40 + b"]" * 41)
@example(b'"' + b"[" * 5000)
@example(b"]" * 100 + b"[" * 100)
def test_any_bytes_give_what_a_plain_reader_gives_or_are_refused(body: bytes) -> None:
    agree(body)


@settings(max_examples=200, deadline=None)
@given(values, st.booleans(), st.booleans())
def test_any_json_is_read_as_it_was_written(value: Any, ascii: bool, spaced: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii, indent=1 if spaced else None).encode()
    agree(body)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": 1}])
def test_control_the_judge_tells_values_apart(value: object) -> None:
    """A reader that takes NaN, or the last of two keys, is found out."""
    body = b'{"a":2,"a":1}' if isinstance(value, dict) else json.dumps(value).encode()
    assert repr(json.loads(body)) == repr(value), "the plain reader takes it"
    with pytest.raises(ValueError, match=r".*"):
        reference(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        (b'{"a":1,"a":2}', "'a' twice"),
        (b'[{"a":1,"\\u0061":2}]', "'a' twice"),
        (b"NaN", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"[1e999]", "1e999 is too large"),
        (b"-1" + b"0" * 400 + b".5", "is too large"),
        (b"[" * 33 + b"]" * 33, "32 deep"),
        (b"[" * 400_000, "32 deep"),
        (b'{"a":' * 200_000, "32 deep"),
        (b'"\\ud800"', "lone surrogate"),
        (b'{"\\udfff":1}', "lone surrogate"),
        (b'"\\ude00\\ud83d"', "lone surrogate"),
        (b'"\xff"', "not UTF-8: byte 1"),
        (b'"\xed\xa0\x80"', "not UTF-8: byte 1"),
        (b"9" * 10_000, "digits"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'{"a":1}{"a":1}', "Extra data"),
        (b"{'a':1}", "line 1 column 2"),
        (b'{"a":1,}', "line 1 column"),
        (b"01", "Extra data"),
        (b'"\x00"', "control character"),
    ],
)
def test_what_is_wrong_is_said(body: bytes, words: str) -> None:
    with pytest.raises(MalformedInput) as refused:
        parse(body)
    assert words in refused.value.detail
    assert len(refused.value.detail) < 200


def test_brackets_in_strings_are_no_nesting() -> None:
    text = '[{"' * 1000
    assert parse(json.dumps([text, {text: 1}]).encode()) == [text, {text: 1}]


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert parse(b'"\\ud83d\\ude00"') == "😀"


def test_the_largest_body_is_read_and_a_longer_one_is_not() -> None:
    body = b'"' + b"a" * (MAX_BYTES - 2) + b'"'
    assert len(parse(body)) == MAX_BYTES - 2
    with pytest.raises(TooLarge):
        parse(body + b" ")


def test_a_hostile_body_of_full_size_is_refused_in_time() -> None:
    """Quadratic work would take minutes: a key that comes twice behind 90,000 others, brackets, escapes, digits."""
    keys = b"{" + b",".join(b'"%d":1' % n for n in range(90_000)) + b',"89999":1}'
    began = time.monotonic()
    for body in (keys, b'["' + b"\\\\" * 500_000 + b"[", b'"' * 1_000_000, b"1" * 1_000_000, b'[""' * 250_000):
        with pytest.raises(MalformedInput):
            parse(body)
    assert time.monotonic() - began < 5
