"""What is made short for the usual score is what the long way makes: bodies in, answers out."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.core.scores import clean_player
from dashboard.errors import ScorecastError, StepTooLarge
from dashboard.values import MAX_SCORE, Result
from dashboard.web.bodies import parse
from dashboard.web.models import split_scores
from dashboard.web.problems import problem
from dashboard.web.submit import PLAIN, encode, read_scores

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


@settings(max_examples=400, deadline=None)
@given(bodies())
def test_a_body_that_is_read_short_is_what_the_models_make_of_it(body: bytes) -> None:
    def outcome(read: object) -> object:
        try:
            is_batch, items = read(body)  # type: ignore[operator]
            return is_batch, list(items)
        except ScorecastError as error:
            return problem(error)

    assert outcome(read_scores) == outcome(lambda given: split_scores(parse(given)))


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
