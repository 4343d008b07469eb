"""A board's settings as they come in. Leaves to others: what a name or a cron may be (`core/`), the base (`models.py`)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from dashboard.core.cron import clean_cron, clean_zone
from dashboard.store.keys import PAYMENTS, PREFIX
from dashboard.values import (
    MAX_SCORE,
    BoardSettings,
    Column,
    Merge,
    Order,
    PeriodKind,
    Review,
    Rule,
    ScoreFormat,
    Season,
    Source,
    Ties,
)
from dashboard.web.models import Model, Points, clean_name, with_check


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

    cron: Annotated[str, AfterValidator(with_check(clean_cron))] | None = None
    zone: Annotated[str, AfterValidator(with_check(clean_zone))] | None = None
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


class SourceIn(Model):
    """A board that is merged, and how much its scores weigh."""

    board: Annotated[str, AfterValidator(with_check(clean_name))]
    weight: int = Field(1, ge=-1000, le=1000)

    def value(self) -> Source:
        return Source(self.board, self.weight)


class MergeIn(Model):
    """Of which boards another is made."""

    boards: Annotated[tuple[SourceIn, ...], Field(min_length=2, max_length=16, strict=False)]
    how: Literal["union", "intersection"] = "union"
    aggregate: Literal["sum", "min", "max"] = "sum"

    @model_validator(mode="after")
    def _whole(self) -> "MergeIn":
        if len({source.board for source in self.boards}) < len(self.boards):
            raise ValueError("each board once")
        if any(source.weight == 0 for source in self.boards):
            raise ValueError("a weight of 0 counts nothing: leave the board out")
        return self

    def value(self) -> Merge:
        return Merge(tuple(source.value() for source in self.boards), self.how, self.aggregate)


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
    half_life_s: int | None = Field(None, ge=1, le=10 * 366 * 86_400)
    title: str | None = Field(None, min_length=1, max_length=80)
    unit: str | None = Field(None, min_length=1, max_length=20)
    format: ScoreFormatIn = ScoreFormatIn.model_validate({})
    groups: Literal["sum", "best"] | None = None
    cohorts: int | None = Field(None, ge=2, le=10_000)
    merge: MergeIn | None = None
    shards: int | None = Field(None, ge=1, le=64)

    @model_validator(mode="after")
    def _bounds(self) -> "BoardIn":
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is at most max")
        if self.key is not None and (self.ties not in ("plain", "shared") or self.columns or self.periods != ("all",)):
            raise ValueError(
                "a board on a key of other programs has ties plain or shared, no columns, and the period all: "
                "other programs write plain members and know no periods"
            )
        if (self.groups, self.cohorts, self.key, self.half_life_s, self.merge).count(None) < 4:
            raise ValueError("only one of groups, cohorts, half_life_s, merge, and a key of other programs")
        if self.merge is not None and (
            self.ties not in ("plain", "shared") or self.columns or "season" in self.periods
        ):
            raise ValueError("a merged board has ties plain or shared, no columns, and no seasons: it has scores alone")
        if self.shards is not None and self.shards > 1:
            self._check_shards()
        if self.half_life_s is not None:
            self._check_decay()
        if ("season" in self.periods) != (self.season is not None):
            raise ValueError("`season` says when seasons begin, where `periods` has them and only there")
        return self

    def _check_shards(self) -> None:
        """Raises ValueError where a board cannot have shards."""
        whole = [name for name in ("groups", "cohorts", "key", "half_life_s", "merge", "review") if getattr(self, name)]
        whole += ["ties dense"] if self.ties == "dense" else []
        whole += ["seasons begun by hand"] if self.season is not None and self.season.manual else []
        if whole:
            raise ValueError(f"a board with shards has no {', '.join(whole)}: each shard would have its own")

    def _check_decay(self) -> None:
        """Raises ValueError where scores cannot decay."""
        fit = (self.rule, self.order, self.key) == ("sum", "desc", None) and not self.columns
        if not fit or self.ties not in ("plain", "shared"):
            raise ValueError(
                "scores decay (`half_life_s`) on boards with the rule sum, the order desc, ties plain or shared, no columns "
                "and no key of other programs"
            )
        bounds = [name for name in ("min", "max", "max_step") if getattr(self, name) is not None]
        bounds += ["review.gain"] if self.review and self.review.gain is not None else []
        if bounds:
            raise ValueError(
                f"what a player holds shrinks by itself where scores decay, so that {', '.join(bounds)} would bound nothing; "
                "review.above and review.below judge a score as it is posted"
            )

    def value(self) -> BoardSettings:
        columns = tuple(column.value() for column in self.columns)
        review = self.review.value() if self.review else None
        season = self.season.value() if self.season else None
        merge = self.merge.value() if self.merge else None
        parts = {"columns": columns, "review": review, "season": season, "format": self.format.value(), "merge": merge}
        return BoardSettings(**(dict(self) | parts | {"shards": self.shards if self.shards != 1 else None}))
