"""Scores: from what a game client sends to what the board holds, in one atomic script per batch.

Owns: what a player's name and a score may be, which periods a score counts in, the plan of one script call and the
reading of its reply. Leaves to others: settings (`boards.py`), rows (`rankings.py`), JSON and HTTP (`web/`).
"""

import unicodedata
from collections.abc import Sequence
from typing import Any

from dashboard.core.boards import Boards, open_periods
from dashboard.core.clock import Clock
from dashboard.core.periods import Period, rfc3339
from dashboard.errors import (
    InvalidInput,
    MarkMoved,
    PlayerNotFound,
    ScorecastError,
    ScoreOutOfRange,
    StoreUnavailable,
    TooLate,
)
from dashboard.store import keys
from dashboard.store.scripts import Scripts
from dashboard.values import MAX_SCORE, Board, Mark, Result, Score

BATCH = 1000
"""Most scores in one call: about 10 ms of the store's time."""
AHEAD_MS = 60_000
"""A score may be stamped this far in the future: clients' clocks are not exact."""
ATTEMPTS = 20
PERIOD_S = {"day": 86_400, "week": 7 * 86_400, "month": 31 * 86_400}


def clean_player(name: object) -> str:
    """The name as it is stored: NFC-normalised, 1 to 128 characters of any script. Raises InvalidInput."""
    if not isinstance(name, str):
        raise InvalidInput("a player is a text of 1 to 128 characters", ("/player", "must be a text"))
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    if not 1 <= len(name) <= 128:
        raise InvalidInput(
            f"a player is a text of 1 to 128 characters, not {len(name)}", ("/player", "1 to 128 characters")
        )
    if not name.isprintable():
        bad = next((c for c in name if unicodedata.category(c) in ("Cc", "Cs")), None)
        if bad is not None:
            raise InvalidInput(
                f"a player's name has no control characters or lone surrogates, but U+{ord(bad):04X} was found",
                ("/player", f"U+{ord(bad):04X} is not allowed"),
            )
    return name


def clean_score(value: object) -> int:
    """The score, an integer within +-MAX_SCORE. Raises InvalidInput."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput("a score is an integer", ("/score", "must be an integer"))
    if abs(value) > MAX_SCORE:
        raise InvalidInput(f"a score lies within +-{MAX_SCORE}", ("/score", f"within +-{MAX_SCORE}"))
    return value


class Scores:
    """Writes scores to boards."""

    def __init__(self, scripts: Scripts, boards: Boards, clock: Clock) -> None:
        self._scripts = scripts
        self._boards = boards
        self._clock = clock
        self.accepted = 0

    def submit(self, board: str, scores: Sequence[Score]) -> list[Result | ScorecastError]:
        """Apply up to BATCH scores in their order; a refused one has its error in its place, the others count.

        Raises BoardNotDeclared, StoreUnavailable (nothing was acknowledged). One round trip; a board's first score takes
        three more.
        """
        plan, replies = self._run(board, scores, None)
        return plan.read(replies)

    def load(self, board: str, scores: Sequence[Score], mark: Mark) -> dict[int, ScorecastError]:
        """Apply up to BATCH scores of history (never too late) and move the mark, both or neither.

        Returns the refused scores by their index; the others count. Raises MarkMoved where the board's mark is not
        `mark.expected` (nothing happened), and as `submit`. One round trip, and half of its cost: no rank is looked up.
        """
        plan, replies = self._run(board, scores, mark)
        return plan.refused(replies)

    def _run(self, board: str, scores: Sequence[Score], mark: Mark | None) -> tuple["_Plan", Sequence[Any]]:
        if len(scores) > BATCH:
            raise InvalidInput(f"at most {BATCH} scores at once", ("/scores", f"at most {BATCH} items"))
        for _ in range(ATTEMPTS):
            plan = _Plan(self._boards.ensure(board), scores, self._clock.now_ms(), mark)
            if not plan.sent and mark is None:
                return plan, ()
            reply = self._scripts.write("submit_scores", plan.keys, plan.args)
            match reply[0]:
                case b"ok":
                    self.accepted += len(plan.sent)
                    return plan, reply[2:]
                case b"clock":
                    self._clock.correct(int(reply[1]))
                case b"revision":
                    self._boards.forget(board)
                case b"mark":
                    raise MarkMoved("Another writer took this import further.", mark=reply[1].decode())
        raise StoreUnavailable(f"The board {board!r} keeps changing; try again.")

    def mark(self, board: str, id: str) -> str:
        """An import's stored place, '' if it has not begun. One round trip."""
        return self._boards.mark(board, id)

    def remove(self, board: str, player: str, *, reason: str, by: str) -> str:
        """Take a player off all periods of a board, noted in its audit stream. Returns the event's id.

        Raises BoardNotFound, PlayerNotFound. Two round trips.
        """
        self._boards.get(board)
        for _ in range(ATTEMPTS):
            ids = self._boards.periods(board)
            names = [keys.board(board), keys.events(board), keys.audit(board), keys.periods(board)]
            names += [keys.ranking(board, id) for id in ids]
            reply = self._scripts.write("remove_player", names, [keys.CHANGED, board, player, reason, by, *ids])
            if reply[0] == b"ok":
                return str(reply[2].decode())
            if reply[0] == b"absent":
                raise PlayerNotFound(f"There is no player {player!r} on the board {board!r}.")
        raise StoreUnavailable(f"The board {board!r} keeps changing; try again.")


class _Plan:
    """One call of the script: its keys, its arguments, and which result belongs to which score."""

    def __init__(self, board: Board, scores: Sequence[Score], now_ms: int, mark: Mark | None) -> None:
        self._settings = board.settings
        self._now_ms = now_ms
        self._history = mark is not None
        self.results: list[Result | ScorecastError] = []
        self.sent: list[int] = []
        current = open_periods(board.settings, now_ms)
        self._rankings: dict[Period, int] = {period: i for i, period in enumerate(current, 1)}
        items: list[str | int] = []
        usual = ",".join(str(i) for i in self._rankings.values())
        for index, score in enumerate(scores):
            try:
                where = usual if score.at_ms is None else self._where(score.at_ms)
            except InvalidInput as refused:
                self.results.append(refused)
                continue
            self.results.append(_PENDING)
            self.sent.append(index)
            items += (score.player, score.score, "" if score.at_ms is None else score.at_ms, where)
        self._scores = scores
        name = board.name
        self.keys = [
            keys.board(name),
            keys.events(name),
            keys.history(name),
            keys.periods(name),
            keys.marks(name),
        ]
        self.keys += [keys.ranking(name, period.id) for period in self._rankings]
        self.args: list[str | int] = [
            board.revision,
            keys.CHANGED,
            name,
            board.settings.order,
            board.settings.rule,
        ]
        self.args += [max(p.start_ms for p in current), min(p.end_ms for p in current), len(current)]
        self.args += [len(self._rankings), *((mark.id, mark.expected, mark.next) if mark else ("", "", ""))]
        for p in self._rankings:
            self.args += [p.id, self._expiry_ms(p)]
        self.args += items

    def read(self, replies: Sequence[Sequence[bytes | int]]) -> list[Result | ScorecastError]:
        """The results in the order of the scores."""
        for index, reply in zip(self.sent, replies, strict=True):
            score = self._scores[index]
            if not reply:
                self.results[index] = _out_of_range(score)
                continue
            held, rank, before, changed, players, position = reply
            self.results[index] = Result(
                player=score.player,
                score=int(held),
                rank=int(rank),
                previous_rank=None if before == -1 else int(before),
                changed=bool(changed),
                players=int(players),
                position=position.decode() if isinstance(position, bytes) else str(position),
            )
        return self.results

    def refused(self, numbers: Sequence[int]) -> dict[int, ScorecastError]:
        """The refused ones by index: those never sent, and those of the sent that the script numbers."""
        never_sent = {
            i: error
            for i, error in enumerate(self.results)
            if isinstance(error, ScorecastError) and error is not _PENDING
        }
        return never_sent | {self.sent[n]: _out_of_range(self._scores[self.sent[n]]) for n in numbers}

    def _where(self, at_ms: int) -> str:
        if at_ms > self._now_ms + AHEAD_MS and not self._history:
            raise InvalidInput(
                f"the score is stamped {rfc3339(at_ms)}, which has not come yet",
                ("/at", "lies in the future"),
            )
        places = []
        for period in open_periods(self._settings, at_ms):
            if not self._history and period.end_ms + 1000 * self._settings.late_s <= self._now_ms:
                raise TooLate(
                    f"{period.id} closed at {rfc3339(period.end_ms)}; this board takes late scores for "
                    f"{self._settings.late_s} s. Nothing was counted.",
                    ("/at", "too late for this board"),
                )
            places.append(self._rankings.setdefault(period, len(self._rankings) + 1))
        return ",".join(str(place) for place in places)

    def _expiry_ms(self, period: Period) -> int:
        if period.kind == "all":
            return 0
        kept_s = max(self._settings.keep * PERIOD_S[period.kind], self._settings.late_s)
        return period.end_ms + 1000 * kept_s


_PENDING = ScorecastError("not yet decided")


def _out_of_range(score: Score) -> ScoreOutOfRange:
    return ScoreOutOfRange(
        f"{score.player!r} would leave +-{MAX_SCORE}, where sums stop being exact; the score was not counted.",
        ("/score", f"the sum leaves +-{MAX_SCORE}"),
    )
