"""The one error tree. Every class has a stable `code` that clients may rely on and says whether trying again can help.

Owns: what can go wrong, in the project's own words. Leaves to others: HTTP numbers (`web/problems.py`), exit codes (`run.py`).
"""

from typing import Any, ClassVar


class ScorecastError(Exception):
    """Base of all our errors.

    `detail` is one sentence for the person who reads it and says what to do; `evidence` holds the facts behind it.
    `temporary` is true where the same request may succeed later without a change.
    """

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"
    temporary: ClassVar[bool] = False

    def __init__(self, detail: str, **evidence: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.evidence = evidence


# Starting -----------------------------------------------------------------------------------------------------------


class StartFailed(ScorecastError):
    """The program cannot start as it is set up."""

    code, title = "start-failed", "Start failed"


class BadSetting(StartFailed):
    """A setting has a value that is not allowed."""

    code, title = "bad-setting", "Bad setting"


class StoreStartFailed(StartFailed):
    """The embedded store cannot be started or joined."""

    code, title = "store-start-failed", "Embedded store did not start"


# Input --------------------------------------------------------------------------------------------------------------


class MalformedInput(ScorecastError):
    """The bytes are not the JSON we accept (400)."""

    code, title = "malformed", "Malformed input"


class TooLarge(ScorecastError):
    """The body is larger than what is accepted."""

    code, title = "too-large", "Body too large"


class UnsupportedMedia(ScorecastError):
    """The body is not announced as JSON."""

    code, title = "unsupported-media-type", "Unsupported media type"


class InvalidInput(ScorecastError):
    """Well-formed JSON that breaks a rule. `errors` lists (JSON pointer, message)."""

    code, title = "invalid", "Invalid input"

    def __init__(self, detail: str, *errors: tuple[str, str], **evidence: Any) -> None:
        super().__init__(detail, **evidence)
        self.errors = errors


class BadCursor(InvalidInput):
    """A cursor that this server did not make."""

    code, title = "bad-cursor", "Bad cursor"


class TooLate(InvalidInput):
    """A score for a period that has been closed for longer than the board's `late_s`."""

    code, title = "too-late", "Too late"


class ScoreOutOfRange(InvalidInput):
    """The sum would leave +-(2^53-1), where integers stop being exact."""

    code, title = "score-out-of-range", "Score out of range"


class StepTooLarge(InvalidInput):
    """One score would change what a player holds by more than the board's `max_step`."""

    code, title = "step-too-large", "Step too large"


class IdempotencyConflict(ScorecastError):
    """An id or an Idempotency-Key that was sent before with another body."""

    code, title = "idempotency-conflict", "Sent before with another body"


class StillRunning(ScorecastError):
    """The first request with this Idempotency-Key is not answered yet."""

    code, title, temporary = "still-running", "Still at work", True


class ScoreMismatch(ScorecastError):
    """The player does not hold the score that `match` named. `evidence["held"]` is what is held, None for nothing."""

    code, title = "score-mismatch", "Another score is held"


class NotInReview(ScorecastError):
    code, title = "not-in-review", "No such score in review"


# Boards -------------------------------------------------------------------------------------------------------------


class BoardNotFound(ScorecastError):
    code, title = "board-not-found", "No such board"


class BoardNotDeclared(ScorecastError):
    """`BOARDS=declared` and nobody has PUT this board."""

    code, title = "board-not-declared", "Board not declared"


class BoardConflict(ScorecastError):
    """The change would re-rank scores that are already stored."""

    code, title = "board-conflict", "Board has other settings"


class KeyConflict(ScorecastError):
    """The key that a board shares with other programs does not hold a sorted set, or lies elsewhere in a cluster."""

    code, title = "key-conflict", "Key cannot be used"


class PlayerNotFound(ScorecastError):
    code, title = "player-not-found", "No such player on this board"


class MarkMoved(ScorecastError):
    """An import's place in the store is not where the writer thought: somebody else wrote this batch.

    `evidence["mark"]` is the stored place.
    """

    code, title, temporary = "mark-moved", "Import moved on", True


class ImportFailed(ScorecastError):
    """An import cannot begin or go on: unreadable file, unknown column, a board with another rule."""

    code, title = "import-failed", "Import failed"


# Access -------------------------------------------------------------------------------------------------------------


class Unauthorized(ScorecastError):
    code, title = "unauthorized", "API key needed"


class Forbidden(ScorecastError):
    code, title = "forbidden", "Not allowed"


# The Redis toolbox --------------------------------------------------------------------------------------------------


class RateLimited(ScorecastError):
    """A limit is used up. `evidence["decisions"]` holds the RateDecision of every policy that was asked."""

    code, title, temporary = "rate-limited", "Too many requests", True


class LockHeld(ScorecastError):
    code, title, temporary = "lock-held", "Lock is held", True


class LockLost(ScorecastError):
    """The token is not (or no longer) that of the holder."""

    code, title = "lock-lost", "Lock is lost"


class UserNotFound(ScorecastError):
    code, title = "user-not-found", "No such user"


class SourceUnavailable(ScorecastError):
    """The source behind the cache does not answer."""

    code, title, temporary = "source-unavailable", "The source does not answer", True


class PaymentNotFound(ScorecastError):
    code, title = "payment-not-found", "No such payment"


class StreamNotFound(ScorecastError):
    code, title = "stream-not-found", "No such stream"


class StreamFull(ScorecastError):
    """The workers of a stream are so far behind that it takes no more."""

    code, title, temporary = "stream-full", "Stream is full", True


class EntryNotFound(ScorecastError):
    code, title = "entry-not-found", "No such entry"


class SignedOut(ScorecastError):
    code, title = "signed-out", "Not signed in"


# Traffic ------------------------------------------------------------------------------------------------------------


class NotFound(ScorecastError):
    code, title = "not-found", "Not found"


class MethodNotAllowed(ScorecastError):
    code, title = "method-not-allowed", "Method not allowed"


class NotSubscribed(ScorecastError):
    code, title = "not-subscribed", "Not subscribed"


class SyncTimeout(ScorecastError):
    code, title, temporary = "timeout", "Not in time", True


class StoreUnavailable(ScorecastError):
    """Redis does not answer. Nothing was acknowledged."""

    code, title, temporary = "store-unavailable", "Redis does not answer", True
