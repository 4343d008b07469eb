"""Submitting scores, the same for HTTP and sockets, and for both lanes of HTTP: a body in, the answer's body out."""

import json
import re
from collections.abc import Sequence
from json.encoder import encode_basestring as quoted
from typing import Any

from dashboard.core.scores import BATCH, LONGEST, Scores
from dashboard.errors import ScorecastError
from dashboard.store.once import Once
from dashboard.values import MAX_SCORE, Result, Score
from dashboard.web.bodies import MAX_BYTES, parse
from dashboard.web.models import split_scores
from dashboard.web.problems import problem

FIELDS = r'"player"_:_"([ !#-\[\]-~]{1,128}+)"_,_"score"_:_(-?(?:0|[1-9][0-9]{0,14}+))'
"""What is in most scores, and what the models take as it stands: a name of printable ASCII, a score that is within its
bounds by its length.
"""


def spaced(pattern: str) -> str:
    """A pattern of JSON with white space in the place of each `_`."""
    return pattern.replace("_", r"[ \t\n\r]*+")


PLAIN = re.compile(spaced("_{_" + FIELDS + "_}_").encode())
_decode = json.JSONDecoder().decode
Items = Sequence[Score | ScorecastError]
Outcome = Sequence[Result | ScorecastError]


def read_scores(body: bytes) -> tuple[bool, Items]:
    """Whether a body is a batch, and its scores, each bad one's error in its place.

    Raises MalformedInput, TooLarge, InvalidInput.
    """
    return read_plain(body) or split_scores(parse(body))


def read_plain(body: bytes) -> tuple[bool, Items] | None:
    """As `read_scores`, of a body that needs no further look; None where it is not one."""
    if len(body) > MAX_BYTES:
        return None
    plain = PLAIN.fullmatch(body)
    if plain is not None:
        return False, (Score(plain[1].decode(), int(plain[2])),)
    batch = _read_plain_batch(body)
    return None if batch is None else (True, batch)


def _read_plain_batch(body: bytes) -> list[Score] | None:
    """The scores of a batch that the models take as it stands: each has a name of printable ASCII and a score, and nothing
    else is there. None for any other body.

    What no escape is in has two quotes for each text. As many as the names and the keys need leave none for another
    field, nor for a key that is there twice, of which only the last one is seen here.
    """
    if not body.isascii() or b"\\" in body or b"\x7f" in body:
        return None
    try:
        items = _decode(body.decode())["scores"]
        players, points = [item["player"] for item in items], [item["score"] for item in items]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not 1 <= len(items) <= BATCH or body.count(b'"') != 2 + 6 * len(items):
        return None
    if set(map(type, players)) != {str} or set(map(type, points)) != {int}:
        return None
    lengths = list(map(len, players))
    if min(lengths) < 1 or max(lengths) > LONGEST or min(points) < -MAX_SCORE or max(points) > MAX_SCORE:
        return None
    return list(map(Score, players, points))


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
        return (_encoded(_single(outcome), None) + "\n").encode()
    results = ",".join([_encoded(result, i) for i, result in enumerate(outcome)])
    return f'{{"results":[{results}]}}\n'.encode()


def _single(outcome: Outcome) -> Result:
    result = outcome[0]
    if isinstance(result, ScorecastError):
        raise result
    return result


def _encoded(result: Result | ScorecastError, place: int | None) -> str:
    """The JSON of `_answer`, for the usual one without its steps: they would cost more than the rest of the answer."""
    if type(result) is Result:
        player, score, rank, before, changed, players, position, review = result
        if review is None and type(score) is not float:
            return (
                f'{{"player":{quoted(player)},"score":{"null" if score is None else score},'
                f'"rank":{"null" if rank is None else rank},"previous_rank":{"null" if before is None else before},'
                f'"changed":{"true" if changed else "false"},"players":{players},"position":"{position}"}}'
            )
    pointer = "" if place is None else f"/scores/{place}"
    return json.dumps(_answer(result, pointer), ensure_ascii=False, separators=(",", ":"))


def _answer(result: Result | ScorecastError, pointer: str) -> dict[str, Any]:
    if not isinstance(result, Result):
        return {"error": problem(result, pointer)}
    answer = result._asdict()
    if result.review is None:
        del answer["review"]
    return answer
