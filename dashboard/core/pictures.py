"""Pictures: what every call for a board has in common as long as its settings and its open periods stay what they are.

Owns: the script's keys and arguments that no score changes, made once for thousands of calls, and when they are out of
date. Leaves to others: scores, and the rankings that late ones need besides (`plans.py`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dashboard.core.calendars import kept_until_ms, open_periods
from dashboard.core.periods import LAST_MS, Period
from dashboard.core.runs import rules
from dashboard.store import keys
from dashboard.store.once import Once
from dashboard.values import Board, BoardSettings

MOST = 1024
"""So many boards are remembered, at some kB each."""
SCRIPT = "submit_scores"
Arg = str | int


@dataclass(frozen=True, slots=True)
class Picture:
    """A board from `start_ms` until `end_ms`. `periods`: those that are open. `keys`: up to and with those of their rankings;
    `begin`: the arguments before those of a plan; `rankings`: what is said of the periods.
    """

    board: Board
    start_ms: int
    end_ms: int
    periods: tuple[Period, ...]
    keys: tuple[str, ...]
    begin: tuple[Arg, ...]
    rankings: tuple[Arg, ...]

    def keys_with(self, late: Sequence[Period], ids: Sequence[str], once: Once | None) -> tuple[str, ...]:
        """The keys of a call that has late scores for these periods besides, and scores with these ids."""
        name = self.board.name
        return (
            *(self.keys if not late else (*self.keys, *_ranking_keys(self.board, late))),
            keys.unarchived(name),
            *[keys.submitted(name, id) for id in ids],
            *([keys.answered(name, once.digest)] if once else ()),
        )

    def rankings_with(self, late: Sequence[Period], now_ms: int) -> tuple[Arg, ...]:
        """What is said of the rankings of such a call: their names, and how long each is kept."""
        return (*self.rankings, *_ranking_args(self.board.settings, late, now_ms)) if late else self.rankings


class Pictures:
    """Remembers the last picture of each board."""

    def __init__(self) -> None:
        self._known: dict[str, Picture] = {}

    def of(self, board: Board, now_ms: int) -> Picture:
        """The picture of a board now."""
        known = self._known.get(board.name)
        if known is None or known.board is not board or not known.start_ms <= now_ms < known.end_ms:
            if len(self._known) >= MOST:
                self._known.clear()
            known = self._known[board.name] = _draw(board, now_ms)
        return known


def _ranking_keys(board: Board, periods: Iterable[Period]) -> tuple[str, ...]:
    return tuple(key for period in periods for key in keys.standings(board.name, period.id, board.settings.key))


def _ranking_args(settings: BoardSettings, periods: Iterable[Period], now_ms: int) -> tuple[Arg, ...]:
    args: list[Arg] = []
    for period in periods:
        over_ms = kept_until_ms(settings, period)
        args += [period.id, "" if over_ms is None else over_ms if over_ms > now_ms else "history"]
    return tuple(args)


def _draw(board: Board, now_ms: int) -> Picture:
    name, settings, periods = board.name, board.settings, open_periods(board, now_ms)
    slot, begun_ms, over_ms = _gains(settings, now_ms)
    return Picture(
        board,
        max(begun_ms, *(period.start_ms for period in periods)),
        min(over_ms, *(period.end_ms for period in periods)),
        periods,
        (
            *(keys.board(name), keys.events(name), keys.history(name), keys.periods(name), keys.marks(name)),
            *(keys.aside(name), keys.review(name), keys.gains(name, board.life, slot)),
            *_ranking_keys(board, periods),
        ),
        (board.revision, keys.CHANGED, name, rules(settings, inner="/" in name)),
        _ranking_args(settings, periods, now_ms),
    )


def _gains(settings: BoardSettings, now_ms: int) -> tuple[int, int, int]:
    """The span of time in which gains are added up: its number, its beginning and its end."""
    if settings.review is None or settings.review.gain is None:
        return 0, 0, LAST_MS
    span_ms = 1000 * settings.review.per_s
    slot = now_ms // span_ms
    return slot, slot * span_ms, (slot + 1) * span_ms
