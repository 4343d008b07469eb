"""What is made short for the usual score is what the long way makes: bodies in, answers out."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.core.scores import clean_player
from dashboard.errors import ScorecastError, StepTooLarge
from dashboard.values import MAX_SCORE, Result, Score
from dashboard.web.bodies import parse
from dashboard.web.models import split_scores
from dashboard.web.problems import problem
from dashboard.web.submit import PLAIN, Items, encode, read_plain, read_scores

spaces = st.text(" \t\n\r", max_size=2) | st.sampled_from(["", "", "\x0b", "\x0c", "\u00a0", "\ufeff"])
letters = st.characters(max_codepoint=0x80) | st.sampled_from(['\\"', "\\u0041", "\\\\", "é", "\\ud800"])
names = st.lists(letters, max_size=4).map("".join) | st.sampled_from(["x" * 128, "x" * 129, ""])
numbers = st.integers(-(10**17), 10**17).map(str) | st.sampled_from(
    ["-0", "00", "01", "1.0", "1e3", "+1", "", "null", "9" * 15]
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Nearly what a client sends."""
    first, second = draw(
        st.sampled_from([("player", "score")] * 8 + [("score", "player"), ("player", "x"), ("x", "score")])
    )
    gap = [draw(spaces) for _ in range(9)]
    more = draw(st.sampled_from(["", "", "", ",", ',"at":1', '"', "}"]))
    text = (
        f'{gap[0]}{{{gap[1]}"{first}"{gap[2]}:{gap[3]}"{draw(names)}"{gap[4]},{gap[5]}"{second}"'
        f"{gap[6]}:{gap[7]}{draw(numbers)}{more}}}{gap[8]}"
    )
    return text.encode()


@st.composite
def batches(draw: st.DrawFn) -> bytes:
    """Nearly what a client sends that has several scores."""
    gap = [draw(spaces) for _ in range(5)]
    items = draw(st.lists(st.just('{"player":"ada","score":1}').map(str.encode) | bodies(), max_size=5))
    head = draw(
        st.sampled_from(['"scores":['] * 8 + ['"scores":', '"score":[', '"scores":[],"scores":[', '"x":1,"scores":['])
    )
    tail = draw(st.sampled_from(["]"] * 8 + ["", ",]", '],"x":1', '],"scores":[]', "]]"]))
    text = f"{gap[0]}{{{gap[1]}{head}{gap[2]}".encode() + b",".join(items) + f"{tail}{gap[3]}}}{gap[4]}".encode()
    return text.replace(b"{", b"[", 1) if draw(st.integers(0, 20)) == 0 else text


def outcome(read: Callable[[bytes], tuple[bool, Items]], body: bytes) -> object:
    """What is read, types and all, or the problem."""
    try:
        is_batch, items = read(body)
    except ScorecastError as error:
        return problem(error)
    return is_batch, [
        (item, type(item.score)) if isinstance(item, Score) else problem(item, "/place") for item in items
    ]


def the_long_way(body: bytes) -> tuple[bool, Items]:
    return split_scores(parse(body))


@settings(max_examples=400, deadline=None)
@given(bodies())
def test_a_body_that_is_read_short_is_what_the_models_make_of_it(body: bytes) -> None:
    assert outcome(read_scores, body) == outcome(the_long_way, body)


@settings(max_examples=600, deadline=None)
@given(batches())
def test_a_batch_that_is_read_short_is_what_the_models_make_of_it(body: bytes) -> None:
    assert outcome(read_scores, body) == outcome(the_long_way, body)


GOOD = b'{"player":"ada","score":1}'
ODD_BATCHES = {
    "one": b'{"scores":[%b]}' % GOOD,
    "the most": b'{"scores":[%b]}' % b",".join([GOOD] * 1000),
    "too many": b'{"scores":[%b]}' % b",".join([GOOD] * 1001),
    "none": b'{"scores":[]}',
    "no list": b'{"scores":{"player":"ada","score":1}}',
    "a text": b'{"scores":"ab"}',
    "texts": b'{"scores":["player","score"]}',
    "lists": b'{"scores":[["player","score"]]}',
    "a number": b'{"scores":1}',
    "not in an object": b'[{"scores":[]}]',
    "cut off": b'{"scores":[%b' % GOOD,
    "more behind it": b'{"scores":[%b]} x' % GOOD,
    "a field more": b'{"scores":[{"player":"ada","score":1,"at":5}]}',
    "a field without quotes' worth": b'{"scores":[{"player":"ada","score":1,"":2},{"player":"bo"}]}',
    "another key for one that is missing": b'{"scores":[{"player":"ada","x":1},{"player":"bo","score":1}]}',
    "the same key twice": b'{"scores":[{"player":"ada","score":1,"score":2}]}',
    "the same list twice": b'{"scores":[],"scores":[%b]}' % GOOD,
    "beside the list": b'{"scores":[%b],"x":1}' % GOOD,
    "a name too long": b'{"scores":[{"player":"%b","score":1}]}' % (b"x" * 129),
    "the longest name": b'{"scores":[{"player":"%b","score":1}]}' % (b"x" * 128),
    "no name": b'{"scores":[{"player":"","score":1}]}',
    "a name that is a number": b'{"scores":[{"player":7,"score":1}]}',
    "a name that is a list": b'{"scores":[{"player":["a","b","c"],"score":1}]}',
    "an escape": b'{"scores":[{"player":"a\\u0041","score":1}]}',
    "a quote": b'{"scores":[{"player":"a\\"","score":1}]}',
    "DEL": b'{"scores":[{"player":"a\x7f","score":1}]}',
    "a control character": b'{"scores":[{"player":"a\x01","score":1}]}',
    "UTF-8": '{"scores":[{"player":"Zoë","score":1}]}'.encode(),
    "broken UTF-8": b'{"scores":[{"player":"\xff","score":1}]}',
    "a mark of order": b'\xef\xbb\xbf{"scores":[%b]}' % GOOD,
    "the largest": b'{"scores":[{"player":"a","score":%d}]}' % MAX_SCORE,
    "the smallest": b'{"scores":[{"player":"a","score":-%d}]}' % MAX_SCORE,
    "too large": b'{"scores":[{"player":"a","score":%d}]}' % (MAX_SCORE + 1),
    "too small": b'{"scores":[{"player":"a","score":-%d}]}' % (MAX_SCORE + 1),
    "thousands of digits": b'{"scores":[{"player":"a","score":%b}]}' % (b"9" * 5000),
    "-0": b'{"scores":[{"player":"a","score":-0}]}',
    "true": b'{"scores":[{"player":"a","score":true}]}',
    "null": b'{"scores":[{"player":"a","score":null}]}',
    "a fraction": b'{"scores":[{"player":"a","score":1.0}]}',
    "NaN": b'{"scores":[{"player":"a","score":NaN}]}',
    "infinite": b'{"scores":[{"player":"a","score":1e999}]}',
    "nested": b'{"scores":[{"player":"a","score":%b1%b}]}' % (b"[" * 40, b"]" * 40),
    "nested without end": b'{"scores":%b' % (b"[" * 100_000),
    "too long": b'{"scores":[%b]}' % GOOD + b" " * (1 << 20),
    "long": b'{"scores":[%b]}' % GOOD + b" " * ((1 << 20) - len(GOOD) - 13),
}


@pytest.mark.parametrize("body", ODD_BATCHES.values(), ids=ODD_BATCHES)
def test_an_odd_batch_is_what_the_models_make_of_it(body: bytes) -> None:
    assert outcome(read_scores, body) == outcome(the_long_way, body)


def test_control_a_batch_that_is_read_without_counting_its_quotes_is_found_out() -> None:
    """Such as hold every score that they need, and more."""
    for name in "a field more", "the same key twice", "the same list twice", "beside the list":
        assert isinstance(json.loads(ODD_BATCHES[name])["scores"][0]["score"], int), name
        assert outcome(the_long_way, ODD_BATCHES[name]) != (True, [(Score("ada", 1), int)]), name
        assert read_plain(ODD_BATCHES[name]) is None, name


@pytest.mark.parametrize("name", ["one", "the most", "the longest name", "the largest", "the smallest", "-0", "long"])
def test_control_usual_batches_are_read_short(name: str) -> None:
    assert read_plain(ODD_BATCHES[name])


@pytest.mark.parametrize(
    "body", [b'{"player":"ada","score":-12}', b' { "player" : "a b" ,\n"score" : 0 } ', b'{"player":"a","score":-0}']
)
def test_control_usual_bodies_are_read_short(body: bytes) -> None:
    assert PLAIN.fullmatch(body)
    assert read_scores(body) == (False, tuple(split_scores(parse(body))[1]))


counts = st.integers(1, MAX_SCORE)
results = st.builds(
    Result,
    player=st.text(min_size=1).filter(lambda name: _is_player(name)),
    score=st.none() | st.integers(-MAX_SCORE, MAX_SCORE) | st.floats(allow_nan=False, allow_infinity=False),
    rank=st.none() | counts,
    previous_rank=st.none() | counts,
    changed=st.booleans(),
    players=counts,
    position=st.just("1795605210230-0"),
    review=st.none() | st.just("1795605210230-1"),
)


def _is_player(name: str) -> bool:
    try:
        return clean_player(name) == name
    except ScorecastError:
        return False


def long_way(result: Result) -> dict[str, object]:
    answer = result._asdict()
    return {name: answer[name] for name in answer if name != "review" or answer[name] is not None}


def short(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


@given(results)
def test_an_answer_is_the_json_of_its_result(result: Result) -> None:
    assert encode(False, [result]) == short(long_way(result))


@given(st.lists(results | st.just(StepTooLarge("too far", ("/score", "é"))), min_size=1, max_size=3))
def test_the_answer_of_a_batch_has_each_in_its_place(outcome: list[Result | ScorecastError]) -> None:
    wanted = [
        long_way(item) if isinstance(item, Result) else {"error": problem(item, f"/scores/{i}")}
        for i, item in enumerate(outcome)
    ]
    assert encode(True, outcome) == short({"results": wanted})


def test_the_error_of_a_single_score_is_raised() -> None:
    with pytest.raises(StepTooLarge):
        encode(False, [StepTooLarge("too far")])
