"""Mappings: which columns of a file are the player, the score, the time and so on, and which rows count.

Owns: conditions, turning a row's values into a Score, the reasons why a row is refused. Leaves to others: reading rows
(`rows.py`), what a player's name and a score may be (`scores.py`), what a time may be (`periods.py`).
"""

import json
import re
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from dashboard.core.periods import parse_time
from dashboard.core.rows import Pick, Rows
from dashboard.core.scores import clean_data, clean_player, clean_score
from dashboard.errors import ImportFailed, InvalidInput
from dashboard.values import Score

INTEGER = re.compile(r"[+-]?[0-9]{1,17}", re.ASCII)
REMEMBERED = 1 << 16
"""Names and times that come again are not checked again, up to so many of them."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Counts rows whose `column` is exactly `value`, or where `wanted` is false those where it is not."""

    column: str
    value: str
    wanted: bool = True

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """`COL=VALUE` or `COL!=VALUE`. Raises ImportFailed."""
        column, equals, value = text.partition("=")
        if not equals or column in ("", "!"):
            raise ImportFailed(f"--where {text}: write COL=VALUE or COL!=VALUE")
        if column.endswith("!"):
            return cls(column[:-1], value, wanted=False)
        return cls(column, value)


@dataclass(frozen=True, slots=True)
class Mapping:
    """`score` is a column or, where no column is called so, a whole number that every row counts. Without `at` a score
    was played when it is imported. All of `where` must hold. `columns`: of the board's columns which is which of the
    file's. `data`: a column of JSON, empty or null where a score has none.
    """

    player: str
    score: str = "score"
    at: str | None = None
    where: tuple[Condition, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    data: str | None = None

    def key(self) -> str:
        """The same text for the same mapping. What came later stands in it only where it is used, so that files that
        were imported before are known again.
        """
        facts = {name: value for name, value in asdict(self).items() if value or name not in ("columns", "data")}
        return json.dumps(facts, ensure_ascii=False, sort_keys=True)

    def bind(self, rows: Rows) -> "Binding":
        """The mapping on the columns of one file. Raises ImportFailed naming the columns there are."""
        return Binding(self, rows)


def parse_column(text: str) -> tuple[str, str]:
    """`NAME=COL`: a board's column and the file's. Raises ImportFailed."""
    name, equals, column = text.partition("=")
    if not name or not equals:
        raise ImportFailed(f"--column {text}: write NAME=COL, the board's column and the file's")
    return name, column


class Binding:
    """A mapping that knows where in a row's values its columns stand."""

    def __init__(self, mapping: Mapping, rows: Rows) -> None:
        self._name = lru_cache(REMEMBERED)(clean_player)
        self._time = lru_cache(REMEMBERED, typed=True)(_time)
        self._player = rows.pick(mapping.player)
        self._at = None if mapping.at is None else rows.pick(mapping.at)
        self._where = [(rows.pick(c.column), c.value, c.wanted) for c in mapping.where]
        self._columns = [(name, rows.pick(column)) for name, column in mapping.columns]
        self._data = None if mapping.data is None else rows.pick_json(mapping.data)
        self._score: Pick | None = None
        if mapping.score not in rows.columns and INTEGER.fullmatch(mapping.score):
            self._fixed = clean_score(int(mapping.score))
        else:
            self._score = rows.pick(mapping.score)

    def counts(self, values: Any) -> bool:
        """Whether all conditions hold."""
        return all((_text(pick(values)) == value) is wanted for pick, value, wanted in self._where)

    def score(self, values: Any) -> Score:
        """The row's score. Raises InvalidInput with the reason why the row is refused."""
        name = self._player(values)
        if not isinstance(name, str):
            name = _number_as_text(name)
        if not name.strip():
            raise InvalidInput("no player: the column is empty")
        at = None if self._at is None else self._at(values)
        return Score(
            self._name(name),
            self._fixed if self._score is None else _whole(self._score(values), "score"),
            None if self._at is None else self._time(_scalar(at)),
            {name: _whole(pick(values), name) for name, pick in self._columns},
            data=None if self._data is None else clean_data(self._data(values)),
        )


def _text(value: object) -> str:
    """A value as `--where` writes it: a text as it is, anything else as its JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _number_as_text(value: object) -> str:
    """A player that JSON has as a number, as CSV would have it."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput(f"a player is a text, not {_text(value)[:40]}")
    return str(value)


def _whole(value: object, what: str) -> int:
    if isinstance(value, str):
        text = value.strip()
        if not text:
            raise InvalidInput(f"no {what}: the column is empty")
        if INTEGER.fullmatch(text):
            return clean_score(int(text))
    elif isinstance(value, int) and not isinstance(value, bool):
        return clean_score(value)
    elif value is None:
        raise InvalidInput(f"no {what}: the column is empty")
    raise InvalidInput(f"the {what} {_text(value)[:40]} is not a whole number")


def _scalar(value: object) -> str | int:
    if value is None or value == "":
        raise InvalidInput("no time: the column is empty")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidInput(f"the time is {_text(value)[:40]}, not a text or a number")
    return value


def _time(value: str | int) -> int:
    """Epoch ms of a date, a time or a number; eight digits are a date (20261123)."""
    if isinstance(value, str):
        value = value.strip()
        if INTEGER.fullmatch(value) and len(value) != 8:
            value = int(value)
    return parse_time(value)
