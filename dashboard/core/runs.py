"""Runs: what a player has in a ranking besides the name, as scripts write it and rows show it.

Owns: a board's rules as the scripts take them, which columns a score needs, reading members back. Leaves to others:
making members (`store/lua/parts/runs.lua` explains their form).
"""

import json
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache

from dashboard.core.periods import rfc3339
from dashboard.errors import InvalidInput
from dashboard.values import MAX_SCORE, BoardSettings, Review, Standing

COLUMN, TIME, TURN = 15, 13, 10
LISTED = 20
"""So many wrong columns are listed; a score may have 100,000."""
FIRST_MS, TIMES = 62_135_596_800_000, 2**50


@lru_cache(maxsize=4096)
def rules(settings: BoardSettings, groups_of: str | None = None, *, inner: bool = False) -> str:
    """The settings by which scripts rank, as JSON. `groups_of`: what is ranked are groups, whose rankings' names begin so.
    `inner`: it is a shard, and answers say what moved.
    """
    known: dict[str, object] = {"order": settings.order, "rule": settings.rule, "ties": settings.ties}
    known |= {"columns": [column.order for column in settings.columns], "id_ms": 1000 * settings.id_s}
    for name in ("min", "max", "max_step", "groups", "cohorts", "half_life_s"):
        if getattr(settings, name) is not None:
            known[name] = getattr(settings, name)
    if settings.review is not None:
        known["review"] = {
            name: value for name in Review.__slots__ if (value := getattr(settings.review, name)) is not None
        }
    if groups_of is not None:
        known["groups_of"] = groups_of
    if inner:
        known["inner"] = True
    return json.dumps(known, separators=(",", ":"))


def check_columns(settings: BoardSettings, columns: Mapping[str, int]) -> None:
    """Whether a score has all columns of the board and no other. Raises InvalidInput that lists up to LISTED of them."""
    names = [column.name for column in settings.columns]
    if wrong := sorted(columns.keys() ^ set(names)):
        has = f"the columns {', '.join(names)}" if names else "no columns"
        raise InvalidInput(
            f"This board has {has}, and each score has them all.",
            *((_pointer(name), "is missing" if name in names else "unknown column") for name in wrong[:LISTED]),
        )


def _pointer(name: str) -> str:
    return "/columns/" + name.replace("~", "~0").replace("/", "~1")


def width(settings: BoardSettings) -> int:
    """How many bytes stand before the name in a member."""
    return COLUMN * len(settings.columns) + (TIME + TURN if settings.ties == "first" else 0)


def standing(settings: BoardSettings, member: bytes, score: float | bytes, rank: int, data: bytes = b"") -> Standing:
    """The row of a member."""
    at = width(settings)
    name, text = member[at:].decode(errors="replace"), data.decode() or None
    if at == 0:
        return Standing(rank, name, number(score), (), None, text)
    prefix = member[:at].decode()
    columns = tuple(
        (column.name, _value(prefix[COLUMN * i : COLUMN * (i + 1)], column.order == settings.order))
        for i, column in enumerate(settings.columns)
    )
    return Standing(rank, name, int(score), columns, _reached(settings, prefix), text)


def ranked(
    settings: BoardSettings, rows: Sequence[tuple[bytes, float]], data: Sequence[bytes] | None = None
) -> tuple[Standing, ...]:
    """The rows of a ranking from its first on, with the ranks that its ties give them."""
    if settings.ties == "plain" and data is None and not settings.columns:  # as most are
        return tuple(
            [Standing(n, name.decode(errors="replace"), number(score)) for n, (name, score) in enumerate(rows, 1)]
        )
    found: list[Standing] = []
    tied, same = settings.ties in ("shared", "dense"), COLUMN * len(settings.columns)
    rank = 0
    last: tuple[float, bytes] | None = None
    for place, ((member, score), more) in enumerate(zip(rows, data or [b""] * len(rows), strict=True), 1):
        level = (score, member[:same])
        if not tied or level != last:
            rank = rank + 1 if settings.ties == "dense" else place
        found.append(standing(settings, member, score, rank, more))
        last = level
    return tuple(found)


def number(score: float | bytes | str) -> int:
    """A whole number, but for what other programs write: they may have fractions, and infinities."""
    if isinstance(score, bytes) and score.isdigit():
        return int(score)
    number = float(score)
    if number.is_integer():
        return int(number)
    return max(-sys.float_info.max, min(sys.float_info.max, number))  # type: ignore[return-value]


def _value(code: str, upright: bool) -> int:
    value = int(code[1:], 16) - (0 if code[0] == "1" else MAX_SCORE)
    return value if upright else -value


def _reached(settings: BoardSettings, prefix: str) -> str | None:
    if settings.ties != "first":
        return None
    start = COLUMN * len(settings.columns)
    time = int(prefix[start : start + TIME], 16)
    return rfc3339((TIMES - time if settings.order == "desc" else time) - FIRST_MS)
