"""What comes in, as models that validate it. HTTP and sockets share them, so that both give the same answers.

Owns: fields, types, limits and the pointers of what is wrong. Leaves to others: what a name or a score may be (`core/`).
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from dashboard.core.groups import clean_group
from dashboard.core.periods import parse_time
from dashboard.core.scores import BATCH, clean_data, clean_id, clean_player, clean_score
from dashboard.errors import InvalidInput, ScorecastError
from dashboard.values import (
    Profile,
    Score,
)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.-]{0,63}")
LISTED = 20
"""So many mistakes are listed; a body may make 100,000."""
T = TypeVar("T")


def with_check(check: Callable[[Any], T]) -> Callable[[Any], T]:
    def checked(value: Any) -> T:
        try:
            return check(value)
        except InvalidInput as error:
            raise ValueError(error.detail) from None

    return checked


def clean_name(value: object) -> str:
    """A board's name. Raises InvalidInput."""
    if isinstance(value, str) and NAME.fullmatch(value):
        return value
    raise InvalidInput(
        "a board's name has 1 to 64 of the characters A-Z a-z 0-9 : _ . - and begins with a letter or digit"
    )


def _words(value: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise ValueError("a text without control characters")
    return unicodedata.normalize("NFC", value)


def _email(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", _words(value)):
        raise ValueError("an address such as ada@example.com")
    return value


def _day(value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise ValueError("a date such as 2026-11-23") from None


Player = Annotated[str, BeforeValidator(with_check(clean_player))]
Points = Annotated[int, BeforeValidator(with_check(clean_score))]
Instant = Annotated[int, BeforeValidator(with_check(parse_time))]
Name = Annotated[str, BeforeValidator(with_check(clean_name))]
Id = Annotated[str, BeforeValidator(with_check(clean_id))]
Day = Annotated[str, AfterValidator(_day)]
Words = Annotated[str, AfterValidator(_words)]
Email = Annotated[str, AfterValidator(_email)]


class Model(BaseModel):
    """Base: unknown fields are refused, nothing is converted in silence."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ScoreIn(Model):
    """One score."""

    player: Player
    score: Points
    at: Instant | None = None
    id: Id | None = None
    columns: dict[str, Points] = {}
    match: Points | None = None
    data: Annotated[str | None, BeforeValidator(with_check(clean_data))] = None

    def value(self) -> Score:
        match: int | Literal["any"] | None = self.match if "match" in self.model_fields_set else "any"
        return Score(self.player, self.score, self.at, self.columns, self.id, match, self.data)


class StandingsIn(Model):
    """A list of players to look up."""

    players: Annotated[list[Player], Field(min_length=1, max_length=1000)]


class GroupIn(Model):
    """The group that a player is put into, null for none."""

    group: Annotated[str, AfterValidator(with_check(clean_group))] | None


class UserIn(Model):
    """A user, whole: what is left out is not known."""

    name: Words = Field(min_length=1, max_length=128)
    username: Words = Field(min_length=1, max_length=64)
    email: Email | None = Field(None, max_length=254)
    city: Words | None = Field(None, min_length=1, max_length=128)
    country: Words | None = Field(None, min_length=1, max_length=128)
    joined: Day | None = None

    def value(self) -> Profile:
        return Profile(**dict(self))


class ReasonIn(Model):
    """Why an operator does it."""

    reason: str = Field(min_length=1, max_length=500)


class RemovalIn(ReasonIn):
    """Why a player is removed; or hidden, so that what comes later counts where nobody sees it."""

    hide: bool = False


class DecisionIn(Model):
    """What becomes of a score in review."""

    decision: Literal["approve", "reject"]


class MessageIn(Model):
    """What is published: a text, or any JSON."""

    message: Any


class PublishIn(MessageIn):
    channel: Any


class LockIn(Model):
    """For how long a lock is taken, and how long to wait for it."""

    ttl_ms: int = Field(ge=10, le=86_400_000)
    wait_ms: int = Field(0, ge=0, le=30_000)


class RenewIn(Model):
    token: str = Field(min_length=1, max_length=128)
    ttl_ms: int | None = Field(None, ge=10, le=86_400_000)


class TokenIn(Model):
    token: str = Field(min_length=1, max_length=128)


class SubscribeIn(Model):
    topic: str
    limit: int | None = Field(None, ge=1, le=1000)
    after: str | None = Field(None, max_length=64)


class TopicIn(Model):
    topic: str


class SyncIn(Model):
    topic: str
    position: str


class SignInIn(Model):
    """Who signs in: a viewer by name, an operator by the operators' key too. A name is what a player's name may be."""

    name: Player
    operator_key: str | None = Field(None, max_length=1024)


class PreferencesIn(Model):
    """What a viewer prefers; null takes a wish back, what is left out stays."""

    player: Player | None = None
    theme: Literal["light", "dark"] | None = None
    board: Name | None = None


M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], value: object, what: str = "body") -> M:
    """The value as `model`. Raises InvalidInput that lists the mistakes, up to LISTED, with their JSON pointers."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        listed = error.errors(include_url=False)[:LISTED]
        found = tuple((_pointer(item["loc"]), _message(item)) for item in listed)
        raise InvalidInput(f"The {what} breaks a rule: {_sentence(found, error.error_count())}.", *found) from None


def split_scores(body: object) -> tuple[bool, list[Score | ScorecastError]]:
    """Whether the body is a batch, and its scores: one, or up to BATCH, each with its own error in its place.

    Raises InvalidInput where the body as a whole is wrong.
    """
    if not isinstance(body, dict) or "scores" not in body:
        return False, [validate(ScoreIn, body).value()]
    items = body["scores"]
    if unknown := sorted(body.keys() - {"scores"})[:LISTED]:
        raise InvalidInput("A batch has only `scores`.", *((_pointer((name,)), "unknown field") for name in unknown))
    if not isinstance(items, list) or not 1 <= len(items) <= BATCH:
        raise InvalidInput(f"`scores` is a list of 1 to {BATCH} scores.", ("/scores", f"1 to {BATCH} items"))
    return True, [_score(item) for item in items]


def _score(item: object) -> Score | ScorecastError:
    try:
        return validate(ScoreIn, item, "score").value()
    except InvalidInput as error:
        return error


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _message(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "unknown field"
    if item["type"] == "missing":
        return "is missing"
    if item["type"] == "model_type":
        return "must be an object"
    return str(item["msg"]).removeprefix("Value error, ")


def _sentence(found: tuple[tuple[str, str], ...], count: int) -> str:
    shown = [f"{pointer[:60] or 'the whole'}: {message}" for pointer, message in found[:3]]
    return "; ".join(shown) + (f"; and {count - 3} more" if count > 3 else "")
