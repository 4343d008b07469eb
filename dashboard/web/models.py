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
    model_validator,
)

from dashboard.core.cron import clean_cron, clean_zone
from dashboard.core.periods import parse_time
from dashboard.core.rows import Format
from dashboard.core.scores import BATCH, clean_data, clean_id, clean_player, clean_score
from dashboard.errors import InvalidInput, ScorecastError
from dashboard.store.keys import PAYMENTS, PREFIX
from dashboard.values import (
    MAX_SCORE,
    BoardSettings,
    Column,
    Order,
    PeriodKind,
    Profile,
    Review,
    Rule,
    Score,
    ScoreFormat,
    Season,
    Ties,
)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.-]{0,63}")
LISTED = 20
"""So many mistakes are listed; a body may make 100,000."""
T = TypeVar("T")


def _with(check: Callable[[Any], T]) -> Callable[[Any], T]:
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


def _unique(kinds: tuple[PeriodKind, ...]) -> tuple[PeriodKind, ...]:
    if len(set(kinds)) < len(kinds):
        raise ValueError("each period once")
    return kinds


def _shared_key(value: str | None) -> str | None:
    if value is not None and (value.startswith(PREFIX) or value == PAYMENTS):
        raise ValueError(f"keys that begin with {PREFIX!r}, and {PAYMENTS}, are the server's own")
    return value


def _unique_names(columns: "tuple[ColumnIn, ...]") -> "tuple[ColumnIn, ...]":
    if len({column.name for column in columns}) < len(columns):
        raise ValueError("each column once")
    return columns


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


Player = Annotated[str, BeforeValidator(_with(clean_player))]
Points = Annotated[int, BeforeValidator(_with(clean_score))]
Instant = Annotated[int, BeforeValidator(_with(parse_time))]
Name = Annotated[str, BeforeValidator(_with(clean_name))]
Id = Annotated[str, BeforeValidator(_with(clean_id))]
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
    data: Annotated[str | None, BeforeValidator(_with(clean_data))] = None

    def value(self) -> Score:
        match: int | Literal["any"] | None = self.match if "match" in self.model_fields_set else "any"
        return Score(self.player, self.score, self.at, self.columns, self.id, match, self.data)


class ColumnIn(Model):
    """An extra figure that orders equal scores."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9:_.-]{0,63}$")
    order: Order = "desc"

    def value(self) -> Column:
        return Column(self.name, self.order)


class ReviewIn(Model):
    """Which scores wait for an operator."""

    above: Points | None = None
    below: Points | None = None
    gain: int | None = Field(None, ge=1, le=MAX_SCORE)
    per_s: int = Field(60, ge=1, le=86_400)

    def value(self) -> Review:
        return Review(**dict(self))


class SeasonIn(Model):
    """When seasons begin: by a cron expression in a zone, or by hand."""

    cron: Annotated[str, AfterValidator(_with(clean_cron))] | None = None
    zone: Annotated[str, AfterValidator(_with(clean_zone))] | None = None
    manual: Literal[True] | None = None

    @model_validator(mode="after")
    def _one(self) -> "SeasonIn":
        if (self.cron is None) != (self.manual is True) or (self.manual and self.zone is not None):
            raise ValueError('either {"cron": ..., "zone": ...} or {"manual": true}')
        return self

    def value(self) -> Season:
        return Season(self.cron, self.zone or "UTC")


class ScoreFormatIn(Model):
    """How scores are written: points, a time, or money."""

    kind: Literal["points", "time", "money"] = "points"
    source: Literal["ms", "s"] | None = Field(None, alias="from")
    currency: str | None = Field(None, pattern=r"^[A-Z]{3}$")
    decimals: int | None = Field(None, ge=0, le=4)

    @model_validator(mode="after")
    def _whole(self) -> "ScoreFormatIn":
        if (self.kind == "time") != (self.source is not None):
            raise ValueError('`from` says what a time counts, "ms" or "s", and belongs to nothing else')
        if (self.kind == "money") != (self.currency is not None):
            raise ValueError("`currency` says what money it is, such as EUR, and belongs to nothing else")
        if self.decimals is not None and self.kind != "money":
            raise ValueError("`decimals` belongs to money")
        return self

    def value(self) -> ScoreFormat:
        decimals = 2 if self.decimals is None else self.decimals
        return ScoreFormat(self.kind, self.source or "ms", self.currency, decimals)


class BoardIn(Model):
    """A board's settings, whole: what is left out has its default."""

    order: Order = "desc"
    rule: Rule = "best"
    ties: Ties = "plain"
    columns: Annotated[tuple[ColumnIn, ...], Field(max_length=4, strict=False), AfterValidator(_unique_names)] = ()
    periods: Annotated[tuple[PeriodKind, ...], Field(min_length=1, strict=False), AfterValidator(_unique)] = ("all",)
    late_s: int = Field(3600, ge=0, le=366 * 86_400)
    keep: int = Field(12, ge=1, le=1000)
    min: Points | None = None
    max: Points | None = None
    max_step: int | None = Field(None, ge=1, le=MAX_SCORE)
    review: ReviewIn | None = None
    writers: Literal["clients", "operators"] = "clients"
    id_s: int = Field(86_400, ge=60, le=366 * 86_400)
    key: Annotated[str | None, AfterValidator(_shared_key)] = Field(None, min_length=1, max_length=512)
    season: SeasonIn | None = None
    title: str | None = Field(None, min_length=1, max_length=80)
    unit: str | None = Field(None, min_length=1, max_length=20)
    format: ScoreFormatIn = ScoreFormatIn.model_validate({})

    @model_validator(mode="after")
    def _bounds(self) -> "BoardIn":
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is at most max")
        if self.key is not None and (self.ties not in ("plain", "shared") or self.columns or self.periods != ("all",)):
            raise ValueError(
                "a board on a key of other programs has ties plain or shared, no columns, and the period all: "
                "other programs write plain members and know no periods"
            )
        if ("season" in self.periods) != (self.season is not None):
            raise ValueError("`season` says when seasons begin, where `periods` has them and only there")
        return self

    def value(self) -> BoardSettings:
        columns = tuple(column.value() for column in self.columns)
        review = self.review.value() if self.review else None
        season = self.season.value() if self.season else None
        parts = {"columns": columns, "review": review, "season": season, "format": self.format.value()}
        return BoardSettings(**(dict(self) | parts))


class StandingsIn(Model):
    """A list of players to look up."""

    players: Annotated[list[Player], Field(min_length=1, max_length=1000)]


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


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ListQuery(_Query):
    """How many."""

    limit: int = Field(100, ge=1, le=1000)


class PeriodQuery(_Query):
    period: str = "all"
    at: Annotated[int | None, BeforeValidator(_with(lambda v: parse_time(int(v) if _is_integer(v) else v)))] = None


class PeriodsQuery(_Query):
    kind: str = "all"


class TopQuery(PeriodQuery):
    limit: int = Field(10, ge=1, le=1000)
    cursor: str | None = Field(None, max_length=1000)


class AroundQuery(PeriodQuery):
    radius: int = Field(5, ge=0, le=500)


def _whole(value: object) -> object:
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,17}", value, re.ASCII) else value


class RankQuery(PeriodQuery):
    """A score to try, with the board's columns as `columns.NAME`."""

    score: Annotated[Points, BeforeValidator(_whole)]
    columns: dict[str, Annotated[Points, BeforeValidator(_whole)]] = {}

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, query: dict[str, str]) -> dict[str, object]:
        columns = {name[8:]: value for name, value in query.items() if name.startswith("columns.")}
        return {"columns": columns} | {name: v for name, v in query.items() if not name.startswith("columns.")}


class PercentileQuery(PeriodQuery):
    p: float = Field(ge=0, le=100, allow_inf_nan=False)


class ExportQuery(PeriodQuery):
    format: Format = "csv"


class SignInIn(Model):
    """Who signs in: a viewer by name, an operator by the operators' key too. A name is what a player's name may be."""

    name: Player
    operator_key: str | None = Field(None, max_length=1024)


class PreferencesIn(Model):
    """What a viewer prefers; null takes a wish back, what is left out stays."""

    player: Player | None = None
    theme: Literal["light", "dark"] | None = None
    board: Name | None = None


class HistoryQuery(_Query):
    period: str = "all"
    since: Annotated[int | None, BeforeValidator(_with(lambda v: parse_time(int(v) if _is_integer(v) else v)))] = Field(
        None, alias="from"
    )
    until: Annotated[int | None, BeforeValidator(_with(lambda v: parse_time(int(v) if _is_integer(v) else v)))] = Field(
        None, alias="to"
    )
    step: int = Field(5, ge=5, le=3600)


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


def _is_integer(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}", value) is not None


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
