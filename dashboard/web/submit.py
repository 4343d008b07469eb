"""Submitting scores, the same for HTTP and sockets, and for both lanes of HTTP: a body in, the answer's body out."""

import json
import re
from collections.abc import Sequence
from json.encoder import encode_basestring as quoted
from typing import Any

from dashboard.core.scores import Scores
from dashboard.errors import ScorecastError
from dashboard.store.once import Once
from dashboard.values import Result, Score
from dashboard.web.bodies import parse
from dashboard.web.models import split_scores
from dashboard.web.problems import problem

PLAIN = re.compile(
    rb'_{_"player"_:_"([ !#-\[\]-~]{1,128})"_,_"score"_:_(-?(?:0|[1-9][0-9]{0,14}))_}_'.replace(b"_", rb"[ \t\n\r]*")
)
"""What most bodies are, and what the models take as it stands: a name of printable ASCII, a score that is within its
bounds by its length.
"""
Items = Sequence[Score | ScorecastError]
Outcome = Sequence[Result | ScorecastError]


def read_scores(body: bytes) -> tuple[bool, Items]:
    """Whether a body is a batch, and its scores, each bad one's error in its place.

    Raises MalformedInput, TooLarge, InvalidInput.
    """
    return read_plain(body) or split_scores(parse(body))


def read_plain(body: bytes) -> tuple[bool, Items] | None:
    """As `read_scores`, of a body that needs no further look; None where it is not one."""
    plain = PLAIN.fullmatch(body)
    return None if plain is None else (False, (Score(plain[1].decode(), int(plain[2])),))


def submit(scores: Scores, board: str, body: object, *, as_operator: bool, once: Once | None = None) -> dict[str, Any]:
    """One score's result, or `{"results": [...]}` of a batch, where a bad one has `{"error": problem}` in its place.

    Raises the error of a single bad score, InvalidInput for a bad body, Forbidden, IdempotencyConflict,
    StoreUnavailable. One round trip.
    """
    is_batch, items = split_scores(body)
    outcome = write(scores, board, items, as_operator=as_operator, once=once)
    if is_batch:
        return {"results": [_answer(result, f"/scores/{i}") for i, result in enumerate(outcome)]}
    return _answer(_single(outcome), "")


def write(scores: Scores, board: str, items: Items, *, as_operator: bool, once: Once | None = None) -> Outcome:
    """What became of each item. Raises Forbidden, IdempotencyConflict, StoreUnavailable. One round trip."""
    good = good_of(items)
    return merge(items, scores.submit(board, good, as_operator=as_operator, once=once) if good else ())


def good_of(items: Items) -> Sequence[Score]:
    """The scores among them, which are written."""
    return [item for item in items if isinstance(item, Score)]


def merge(items: Items, results: Outcome) -> Outcome:
    """The results of the good ones and the errors of the others, each in its place."""
    done = iter(results)
    return [next(done) if isinstance(item, Score) else item for item in items]


def encode(is_batch: bool, outcome: Outcome) -> bytes:
    """The answer's body. Raises the error of a single bad score."""
    if not is_batch:
        return _encoded(_single(outcome), "").encode() + b"\n"
    results = ",".join([_encoded(result, f"/scores/{i}") for i, result in enumerate(outcome)])
    return f'{{"results":[{results}]}}\n'.encode()


def _single(outcome: Outcome) -> Result:
    result = outcome[0]
    if isinstance(result, ScorecastError):
        raise result
    return result


def _encoded(result: Result | ScorecastError, pointer: str) -> str:
    """The JSON of `_answer`, for the usual one without its steps: they would cost more than the rest of the answer."""
    if not isinstance(result, Result) or result.review is not None or isinstance(result.score, float):
        return json.dumps(_answer(result, pointer), ensure_ascii=False, separators=(",", ":"))
    player, score, rank, before, changed, players, position, _ = result
    return (
        f'{{"player":{quoted(player)},"score":{"null" if score is None else score},'
        f'"rank":{"null" if rank is None else rank},"previous_rank":{"null" if before is None else before},'
        f'"changed":{"true" if changed else "false"},"players":{players},"position":"{position}"}}'
    )


def _answer(result: Result | ScorecastError, pointer: str) -> dict[str, Any]:
    if not isinstance(result, Result):
        return {"error": problem(result, pointer)}
    answer = result._asdict()
    if result.review is None:
        del answer["review"]
    return answer
