"""Submitting scores, the same for HTTP and sockets: a parsed body in, the answer's body out."""

from dataclasses import asdict
from typing import Any

from dashboard.core.scores import Scores
from dashboard.errors import ScorecastError
from dashboard.store.once import Once
from dashboard.values import Result, Score
from dashboard.web.models import split_scores
from dashboard.web.problems import problem


def submit(scores: Scores, board: str, body: object, *, as_operator: bool, once: Once | None = None) -> dict[str, Any]:
    """One score's result, or `{"results": [...]}` of a batch, where a bad one has `{"error": problem}` in its place.

    Raises the error of a single bad score, InvalidInput for a bad body, Forbidden, IdempotencyConflict,
    StoreUnavailable. One round trip.
    """
    is_batch, items = split_scores(body)
    good = [item for item in items if isinstance(item, Score)]
    done = iter(scores.submit(board, good, as_operator=as_operator, once=once)) if good else iter(())
    results = [next(done) if isinstance(item, Score) else item for item in items]
    if is_batch:
        return {"results": [_answer(result, f"/scores/{i}") for i, result in enumerate(results)]}
    if isinstance(results[0], ScorecastError):
        raise results[0]
    return _answer(results[0], "")


def _answer(result: Result | ScorecastError, pointer: str) -> dict[str, Any]:
    if not isinstance(result, Result):
        return {"error": problem(result, pointer)}
    answer = asdict(result)
    if result.review is None:
        del answer["review"]
    return answer
