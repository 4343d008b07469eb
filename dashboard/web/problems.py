"""Errors as RFC 9457 problem documents. HTTP status numbers are written here and nowhere else."""

import json
import logging
import math
from typing import Any

from dashboard import errors

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
MOST_LIMITS = 10

STATUS: dict[type[errors.ScorecastError], int] = {
    errors.ScorecastError: 500,
    errors.StartFailed: 500,
    errors.BadSetting: 500,
    errors.StoreStartFailed: 500,
    errors.ImportFailed: 500,
    errors.MalformedInput: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.BoardNotFound: 404,
    errors.BoardNotDeclared: 404,
    errors.PlayerNotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.NotSubscribed: 409,
    errors.BoardConflict: 409,
    errors.IdempotencyConflict: 409,
    errors.KeyConflict: 409,
    errors.StillRunning: 409,
    errors.ScoreMismatch: 409,
    errors.NotInReview: 404,
    errors.MarkMoved: 409,
    errors.RateLimited: 429,
    errors.LockHeld: 409,
    errors.LockLost: 409,
    errors.UserNotFound: 404,
    errors.SourceUnavailable: 503,
    errors.PaymentNotFound: 404,
    errors.StreamNotFound: 404,
    errors.StreamFull: 503,
    errors.EntryNotFound: 404,
    errors.SignedOut: 401,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.InvalidInput: 422,
    errors.BadCursor: 422,
    errors.TooLate: 422,
    errors.ScoreOutOfRange: 422,
    errors.StepTooLarge: 422,
    errors.StoreUnavailable: 503,
    errors.SyncTimeout: 504,
}

Problem = dict[str, Any]


def problem(error: errors.ScorecastError, at: str = "") -> Problem:
    """The problem document of an error; `at` is the JSON pointer under which its own pointers lie."""
    document: Problem = {
        "type": f"urn:scorecast:problem:{error.code}",
        "title": error.title,
        "status": STATUS[type(error)],
        "detail": error.detail,
        "code": error.code,
        "temporary": error.temporary,
    }
    if isinstance(error, errors.InvalidInput) and error.errors:
        document["errors"] = [{"pointer": at + pointer, "message": message} for pointer, message in error.errors]
    if isinstance(error, errors.RateLimited):
        document |= _limits(error)
    return document


def answer(error: Exception) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """The status, the headers and the body with which an error is answered. A mistake of ours is logged."""
    if not isinstance(error, errors.ScorecastError):
        log.error("request failed", exc_info=error)
        error = errors.ScorecastError("The server made a mistake; its log says more.")
    document = problem(error)
    wait_s = retry_after_s(error)
    headers: tuple[tuple[str, str], ...] = (("Content-Type", MEDIA_TYPE),)
    if wait_s is not None:
        headers += (("Retry-After", str(wait_s)),)
    return document["status"], headers, json.dumps(document, ensure_ascii=False).encode()


def retry_after_s(error: errors.ScorecastError) -> int | None:
    """When to try again, in whole seconds; None where that is no use."""
    if not error.temporary:
        return None
    refused = [d for d in error.evidence.get("decisions", ()) if not d.allowed]
    return max((1, *(whole_s(d.reset_s if d.retry_after_s is None else d.retry_after_s) for d in refused)))


def whole_s(seconds: float) -> int:
    """Whole seconds, rounded up: after them the time has passed for sure."""
    return math.ceil(seconds)


def _limits(error: errors.RateLimited) -> Problem:
    decisions = error.evidence.get("decisions", ())
    return {
        "retry_after_s": retry_after_s(error),
        "violated-policies": sorted({d.policy for d in decisions if not d.allowed}),  # the draft's own word
        "limits": [
            {"policy": d.policy, "limit": d.limit, "window_s": d.window_s, "remaining": d.remaining}
            for d in decisions
            if not d.allowed
        ][:MOST_LIMITS],
    }
