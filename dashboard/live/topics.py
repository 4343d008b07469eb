"""Topics: what a viewer can watch, as written in `subscribe`."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from dashboard.errors import InvalidInput
from dashboard.values import PeriodKind

_NAME = r"[A-Za-z0-9][A-Za-z0-9:_.-]{0,63}"
_TOPIC = re.compile(rf"(board|analytics):({_NAME}):({'|'.join(get_args(PeriodKind))})")


@dataclass(frozen=True, slots=True)
class Topic:
    """`name` is the whole text, e.g. `board:goals:week`; `kind` says what is watched of the board's period."""

    name: str
    kind: Literal["board", "analytics"]
    board: str
    period: str


def parse_topic(text: str) -> Topic:
    """Raises InvalidInput naming what can be watched."""
    match = _TOPIC.fullmatch(text)
    if match is None:
        raise InvalidInput(
            f"{text[:100]!r} is no topic: watch board:<board>:<period> or analytics:<board>:<period>, "
            f"with a period of {', '.join(get_args(PeriodKind))}.",
            ("/topic", "unknown topic"),
        )
    kind, board, period = match.groups()
    return Topic(text, "board" if kind == "board" else "analytics", board, period)
