"""A plan: one call of the script that applies scores, from the settings as they are remembered.

Owns: which periods a score counts in, whether it comes too late, the script's keys and arguments, the reading of its
replies. Leaves to others: calling it, and again where the picture was out of date (`scores.py`).
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from dashboard.core.boards import kept_until_ms, open_periods
from dashboard.core.periods import Period, rfc3339
from dashboard.core.runs import check_columns, rules
from dashboard.errors import (
    IdempotencyConflict,
    InvalidInput,
    NotInReview,
    ScorecastError,
    ScoreMismatch,
    ScoreOutOfRange,
    StepTooLarge,
    StreamFull,
    TooLate,
)
from dashboard.store import keys
from dashboard.values import MAX_SCORE, Board, Mark, Result, Score

AHEAD_MS = 60_000
"""A score may be stamped this far in the future: clients' clocks are not exact."""
TRUST_MS = 20_000
"""The store refuses a plan made by a clock that is further off, or made longer ago (waiting for a connection, say)."""


class Plan:
    """One call: its keys, its arguments, and which result belongs to which score. `mark`: an import, never too late."""

    script = "submit_scores"

    def __init__(self, board: Board, scores: Sequence[Score], now_ms: int, mark: Mark | None) -> None:
        self._settings = board.settings
        self._scores = scores
        self._now_ms = now_ms
        self._history = mark is not None
        self._late: dict[int, TooLate] = {}
        self._ids: list[str] = []
        self.results: list[Result | ScorecastError] = []
        self.sent: list[int] = []
        current = open_periods(board.settings, now_ms)
        self._rankings: dict[Period, int] = {period: i for i, period in enumerate(current, 1)}
        usual = ",".join(str(i) for i in self._rankings.values())
        items: list[str | int] = []
        for index, score in enumerate(scores):
            try:
                check_columns(self._settings, score.columns)
                where = usual if score.at_ms is None else self._find(index, score)
            except InvalidInput as refused:
                self.results.append(refused)
                continue
            self.results.append(_PENDING)
            self.sent.append(index)
            items += (score.player, score.score, "" if score.at_ms is None else score.at_ms, where, self._more(score))
        name = board.name
        slot, until_ms = self._gains()
        self.keys = [
            *(keys.board(name), keys.events(name), keys.history(name), keys.periods(name), keys.marks(name)),
            *(keys.aside(name), keys.review(name), keys.gains(name, slot)),
            *(key for period in self._rankings for key in keys.standings(name, period.id)),
            *(keys.submitted(name, id) for id in self._ids),
        ]
        self.args: list[str | int] = [board.revision, keys.CHANGED, name, rules(board.settings)]
        self.args += [max(now_ms - TRUST_MS, *(p.start_ms for p in current))]
        self.args += [min(now_ms + TRUST_MS, until_ms, *(p.end_ms for p in current)), len(current)]
        self.args += [len(self._rankings), *((mark.id, mark.expected, mark.next) if mark else ("", "", ""))]
        for period in self._rankings:
            expiry_ms = kept_until_ms(self._settings, period)
            self.args += [period.id, "" if expiry_ms is None else expiry_ms]
        self.args += items

    def read(self, replies: Sequence[Sequence[bytes | int]]) -> list[Result | ScorecastError]:
        """The results in the order of the scores."""
        for index, reply in zip(self.sent, replies, strict=True):
            score = self._scores[index]
            if len(reply) < 6:
                self.results[index] = self._refusal(index, reply)
                continue
            held, rank, before, changed, players, position, *review = reply
            self.results[index] = Result(
                player=score.player,
                score=int(held) if held != b"" else None,
                rank=None if rank == -1 else int(rank),
                previous_rank=None if before == -1 else int(before),
                changed=bool(changed),
                players=int(players),
                position=_text(position),
                review=_text(review[0]) if review else None,
            )
        return self.results

    def refused(self, replies: Sequence[Sequence[Any]]) -> dict[int, ScorecastError]:
        """The refused ones by index: those never sent, and those of the sent that the script numbers."""
        never_sent = {
            i: error
            for i, error in enumerate(self.results)
            if isinstance(error, ScorecastError) and error is not _PENDING
        }
        sent = {self.sent[number]: reply for number, *reply in replies}
        return never_sent | {index: self._refusal(index, reply) for index, reply in sent.items()}

    def _find(self, index: int, score: Score) -> str:
        """In which rankings a stamped score counts, as the script takes it. Raises InvalidInput."""
        try:
            return self._where(score.at_ms or 0, never_late=self._history or score.approved is not None)
        except TooLate as late:
            if score.id is None:
                raise
            self._late[index] = late  # unless it was taken in time and is sent again
            return ""

    def _more(self, score: Score) -> str:
        more: dict[str, object] = {}
        if score.columns:
            more["columns"] = [score.columns[column.name] for column in self._settings.columns]
        if score.match != "any":
            more["match"] = "none" if score.match is None else str(score.match)
        if score.data is not None:
            more["data"] = score.data
        if score.approved is not None:
            more["approved"] = score.approved
        if score.id is not None:
            body = [score.player, score.score, score.at_ms, more]
            self._ids.append(score.id)
            more["print"] = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]
            more["id"] = len(self._ids)
        return json.dumps(more, ensure_ascii=False, separators=(",", ":")) if more else ""

    def _gains(self) -> tuple[int, int]:
        """The span of time in which gains are added up, and its end."""
        if self._settings.review is None or self._settings.review.gain is None:
            return 0, self._now_ms + TRUST_MS
        span_ms = 1000 * self._settings.review.per_s
        slot = self._now_ms // span_ms
        return slot, (slot + 1) * span_ms

    def _where(self, at_ms: int, *, never_late: bool) -> str:
        if at_ms > self._now_ms + AHEAD_MS and not never_late:
            raise InvalidInput(
                f"the score is stamped {rfc3339(at_ms)}, which has not come yet",
                ("/at", "lies in the future"),
            )
        places = []
        for period in open_periods(self._settings, at_ms):
            if not never_late and period.end_ms + 1000 * self._settings.late_s <= self._now_ms:
                raise TooLate(
                    f"{period.id} closed at {rfc3339(period.end_ms)}; this board takes late scores for "
                    f"{self._settings.late_s} s. Nothing was counted.",
                    ("/at", "too late for this board"),
                )
            expiry_ms = kept_until_ms(self._settings, period)
            if never_late and expiry_ms is not None and expiry_ms <= self._now_ms:
                continue  # its ranking would be gone at once
            places.append(self._rankings.setdefault(period, len(self._rankings) + 1))
        if not places:
            raise TooLate(
                f"{rfc3339(at_ms)} lies in no period that this board still keeps (keep: {self._settings.keep})",
                ("/at", "in no period that this board keeps"),
            )
        return ",".join(str(place) for place in places)

    def _refusal(self, index: int, reply: Sequence[bytes | int]) -> ScorecastError:
        score, reason = self._scores[index], _text(reply[0])
        held = _text(reply[1]) if len(reply) > 1 else ""
        if reason == "late":
            return self._late[index]
        if reason == "conflict":
            return IdempotencyConflict(f"The id {score.id!r} was sent before with another body.", id=score.id)
        if reason == "match":
            wanted = "none" if score.match is None else score.match
            return ScoreMismatch(
                f"{score.player!r} holds {held or 'no score'}, not {wanted}; nothing was counted.",
                held=int(held) if held else None,
            )
        if reason == "step":
            return StepTooLarge(
                f"{score.player!r} holds {held or 'nothing'}; one score changes that by at most "
                f"{self._settings.max_step} on this board. Nothing was counted.",
                ("/score", f"a step of at most {self._settings.max_step}"),
            )
        if reason == "full":
            return StreamFull("Too many scores wait for review on this board; an operator has to decide on them first.")
        if reason == "gone":
            return NotInReview(f"The score {score.approved} no longer waits for review.")
        return ScoreOutOfRange(
            f"{score.player!r} would leave +-{MAX_SCORE}, where sums stop being exact; the score was not counted.",
            ("/score", f"the sum leaves +-{MAX_SCORE}"),
        )


_PENDING = ScorecastError("not yet decided")


def _text(raw: bytes | int) -> str:
    return raw.decode() if isinstance(raw, bytes) else str(raw)
