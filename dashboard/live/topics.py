"""Topics: what a viewer can watch, as written in `subscribe`."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from dashboard.errors import InvalidInput
from dashboard.values import PeriodKind

Kind = Literal["board", "pulse", "panel", "channel", "stream"]
PANELS = ("limits", "analytics", "streams", "cache", "locks", "sessions")

_NAME = r"[A-Za-z0-9][A-Za-z0-9:_.-]{0,63}"
_BOARD = re.compile(rf"(board|analytics):({_NAME}):({'|'.join(get_args(PeriodKind))})")
_NAMED = re.compile(rf"(channel|stream):({_NAME}|events:{_NAME})")


@dataclass(frozen=True, slots=True)
class Topic:
    """`name` is the whole text, e.g. `board:goals:week`; `kind` says which feed serves it; `subject` is the board,
    channel, stream or panel; `period` that of a board.
    """

    name: str
    kind: Kind
    subject: str
    period: str = ""

    @property
    def board(self) -> str:
        return self.subject


def parse_topic(text: str) -> Topic:
    """Raises InvalidInput naming what can be watched."""
    if text in PANELS:
        return Topic(text, "panel", text)
    if match := _BOARD.fullmatch(text):
        kind, board, period = match.groups()
        return Topic(text, "board" if kind == "board" else "pulse", board, period)
    if match := _NAMED.fullmatch(text):
        return Topic(text, "channel" if match[1] == "channel" else "stream", match[2])
    raise InvalidInput(
        f"{text[:100]!r} is no topic: watch board:<board>:<period>, analytics:<board>:<period> (with a period of "
        f"{', '.join(get_args(PeriodKind))}), channel:<name>, stream:<name> or one of {', '.join(PANELS)}.",
        ("/topic", "unknown topic"),
    )
