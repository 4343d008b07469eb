"""Errors as RFC 9457 problem documents. HTTP status numbers are written here and nowhere else."""

from typing import Any

from dashboard import errors

MEDIA_TYPE = "application/problem+json"

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
    errors.MarkMoved: 409,
    errors.RateLimited: 429,
    errors.LockHeld: 409,
    errors.LockLost: 409,
    errors.UserNotFound: 404,
    errors.SourceUnavailable: 503,
    errors.PaymentNotFound: 404,
    errors.StreamNotFound: 404,
    errors.EntryNotFound: 404,
    errors.SignedOut: 401,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.InvalidInput: 422,
    errors.BadCursor: 422,
    errors.TooLate: 422,
    errors.ScoreOutOfRange: 422,
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
    return document
