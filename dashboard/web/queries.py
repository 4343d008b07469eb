"""What stands behind the `?` of an address, as models that validate it. Leaves to others: the base (`models.py`)."""

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from dashboard.core.periods import parse_time
from dashboard.core.rows import Format
from dashboard.web.models import Points, with_check


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ListQuery(_Query):
    """How many."""

    limit: int = Field(100, ge=1, le=1000)


class PeriodQuery(_Query):
    period: str = "all"
    at: Annotated[int | None, BeforeValidator(with_check(lambda v: parse_time(int(v) if _is_integer(v) else v)))] = None


class PeriodsQuery(_Query):
    kind: str = "all"


class PageQuery(PeriodQuery):
    limit: int = Field(10, ge=1, le=1000)
    cursor: str | None = Field(None, max_length=1000)


class TopQuery(PageQuery):
    as_of: Annotated[int | None, BeforeValidator(with_check(lambda v: parse_time(int(v) if _is_integer(v) else v)))] = (
        None
    )

    @model_validator(mode="after")
    def _either(self) -> "TopQuery":
        if self.as_of is not None and (self.at is not None or self.cursor is not None or self.limit > 10):
            raise ValueError("`as_of` shows up to ten rows as they stood then: it goes with no `at` and no `cursor`")
        return self


class MomentsQuery(_Query):
    period: str = "all"


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


class HistoryQuery(_Query):
    period: str = "all"
    since: Annotated[int | None, BeforeValidator(with_check(lambda v: parse_time(int(v) if _is_integer(v) else v)))] = (
        Field(None, alias="from")
    )
    until: Annotated[int | None, BeforeValidator(with_check(lambda v: parse_time(int(v) if _is_integer(v) else v)))] = (
        Field(None, alias="to")
    )
    step: int = Field(5, ge=5, le=86_400)


def _is_integer(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}", value) is not None
