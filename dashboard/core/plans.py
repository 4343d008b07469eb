"""A plan: one call of the script that applies scores, from the settings as they are remembered.

Owns: which periods a score counts in, whether it comes too late, the script's keys and arguments, the reading of its
replies. Leaves to others: what of that is the same for every plan (`pictures.py`), calling the script, and again where the
picture was out of date (`scores.py`).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.core.calendars import open_periods
from dashboard.core.decay import check_decay
from dashboard.core.periods import Period, rfc3339
from dashboard.core.pictures import SCRIPT, Picture
from dashboard.core.runs import check_columns, number
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
from dashboard.store.once import Once
from dashboard.values import MAX_SCORE, Mark, Result, Score

AHEAD_MS = 60_000
"""A score may be stamped this far in the future: clients' clocks are not exact."""
TRUST_MS = 20_000
"""The store refuses a plan made by a clock that is further off, or made longer ago (waiting for a connection, say)."""

PLAIN = Score("", 0)[2:]
"""What a score has besides a player and points that has nothing else."""


class Plan:
    """One call: its keys, its arguments, and which result belongs to which score. `mark`: an import, never too late.
    `once`: all of it counts once, so all of it is sent, whatever is to be said of it now.
    """

    script = SCRIPT

    def __init__(
        self, picture: Picture, scores: Sequence[Score], now_ms: int, mark: Mark | None, once: Once | None = None
    ) -> None:
        self.board = board = picture.board
        self.once = once
        self._settings = board.settings
        self._scores = scores
        self._now_ms = now_ms
        self._history = mark is not None
        self._rankings: dict[Period, int] = {period: i for i, period in enumerate(picture.periods, 1)}
        self._ids: list[str] = []
        self.results: list[Result | ScorecastError] = [_PENDING] * len(scores)
        self.moves: dict[int, Move] = {}
        """By index what moved, where the board is a shard."""
        self.sent: Sequence[int] = range(len(scores))
        lines = self._lines()
        items = [] if lines else self._items()
        late = list(self._rankings)[len(picture.periods) :]
        self.keys = picture.keys_with(late, self._ids, once)
        self.args: tuple[str | int, ...] = (
            *picture.begin,
            *(max(now_ms - TRUST_MS, picture.start_ms), min(now_ms + TRUST_MS, picture.end_ms)),
            *(len(picture.periods), len(self._rankings)),
            *((mark.id, mark.expected, mark.next) if mark else ("", "", "")),
            once.print if once else "",
            *picture.rankings_with(late, now_ms),
            lines,
            *items,
        )

    def _lines(self) -> str:
        """The scores as lines, two of each, where all are nothing but a player and points, as nearly all are; else ''."""
        if self._settings.columns or self._settings.half_life_s is not None:
            return ""
        lines = [f"{score[0]}\n{score[1]}" for score in self._scores if score[2:] == PLAIN]
        text, count = "\n".join(lines), len(self._scores)
        return text if len(lines) == count and text.count("\n") == 2 * count - 1 else ""

    def _items(self) -> list[str | int]:
        """The scores one by one, as the script takes them; those that are refused before have their results by then."""
        usual = ",".join(str(i) for i in self._rankings.values())
        items: list[str | int] = []
        sent = []
        for index, score in enumerate(self._scores):
            why: InvalidInput | None = None
            try:
                check_columns(self._settings, score.columns)
                check_decay(self._settings, score.score, score.match)
                self._check_data(score)
                where = usual if score.at_ms is None else self._find(score)
            except InvalidInput as refused:
                if self.once is None and (score.id is None or not isinstance(refused, TooLate)):
                    self.results[index] = refused
                    continue
                where, why = "", refused  # unless it was taken in time and is sent again
            sent.append(index)
            at = "" if score.at_ms is None else score.at_ms
            items += (score.player, score.score, at, where, self._more(score, why))
        self.sent = sent
        return items

    def read(self, replies: Sequence[Any]) -> list[Result | ScorecastError]:
        """The results in the order of the scores."""
        scores, results = self._scores, self.results
        for index, reply in zip(self.sent, replies, strict=True):
            if len(reply) != 6:
                results[index] = self._read_rare(index, reply)
                continue
            held, rank, before, changed, players, position = reply
            results[index] = Result(
                scores[index][0],
                int(held) if held.isdigit() else number(held) if held else None,
                None if rank == -1 else rank,
                None if before == -1 else before,
                changed != 0,
                players,
                position.decode(),
            )
        return results

    def _read_rare(self, index: int, reply: Sequence[Any]) -> Result | ScorecastError:
        if len(reply) < 6:
            return self._refusal(index, reply)
        player, (held, rank, before, changed, players, position, review, *move) = self._scores[index].player, reply
        if move:
            self.moves[index] = _move(player.encode(), held, move)
        return Result(
            player,
            number(held) if held else None,
            None if rank == -1 else rank,
            None if before == -1 else before,
            changed != 0,
            players,
            position.decode(),
            review.decode() or None,
        )

    def refused(self, replies: Sequence[Sequence[Any]]) -> dict[int, ScorecastError]:
        """The refused ones by index: those never sent, and those of the sent that the script numbers."""
        never_sent = {
            i: error
            for i, error in enumerate(self.results)
            if isinstance(error, ScorecastError) and error is not _PENDING
        }
        sent = {self.sent[number]: reply for number, *reply in replies}
        return never_sent | {index: self._refusal(index, reply) for index, reply in sent.items()}

    def _find(self, score: Score) -> str:
        """In which rankings a stamped score counts, as the script takes it. Raises InvalidInput."""
        return self._where(score.at_ms or 0, never_late=self._history or score.approved is not None)

    def _more(self, score: Score, why: InvalidInput | None) -> str:
        more: dict[str, object] = {}
        if score.columns:
            more["columns"] = [score.columns.get(column.name) for column in self._settings.columns]
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
        if self._settings.half_life_s is not None and score.at_ms is not None:
            more["over"] = open_periods(self.board, score.at_ms)[0].end_ms
        if why is not None:
            more["late"] = json.dumps([why.code, why.detail, why.errors])
        return json.dumps(more, ensure_ascii=False, separators=(",", ":")) if more else ""

    def _check_data(self, score: Score) -> None:
        if self._settings.key is not None and score.data is not None:
            raise InvalidInput(
                "Other programs write this board too, and would leave the data to scores that it did not come with: send none.",
                ("/data", "not on this board"),
            )

    def _where(self, at_ms: int, *, never_late: bool) -> str:
        if at_ms > self._now_ms + AHEAD_MS and not never_late:
            raise InvalidInput(
                f"the score is stamped {rfc3339(at_ms)}, which has not come yet",
                ("/at", "lies in the future"),
            )
        places = []
        for period in open_periods(self.board, at_ms):
            if not never_late and period.end_ms + 1000 * self._settings.late_s <= self._now_ms:
                raise TooLate(
                    f"{period.id} closed at {rfc3339(period.end_ms)}; this board takes late scores for "
                    f"{self._settings.late_s} s. Nothing was counted.",
                    ("/at", "too late for this board"),
                )
            places.append(self._rankings.setdefault(period, len(self._rankings) + 1))
        return ",".join(str(place) for place in places)

    def _refusal(self, index: int, reply: Sequence[bytes | int]) -> ScorecastError:
        score, reason = self._scores[index], _text(reply[0])
        held = _text(reply[1]) if len(reply) > 1 else ""
        if reason == "late" and not held:
            return TooLate(
                f"{rfc3339(score.at_ms or 0)} lies in no period that is still in Redis: its ranking is archived and final.",
                ("/at", "archived"),
            )
        if reason == "late":
            code, detail, errors = json.loads(held)
            kind = TooLate if code == TooLate.code else InvalidInput
            return kind(detail, *((pointer, message) for pointer, message in errors))
        if reason == "conflict":
            return IdempotencyConflict(f"The id {score.id!r} was sent before with another body.", id=score.id)
        if reason == "match":
            wanted = "none" if score.match is None else score.match
            return ScoreMismatch(
                f"{score.player!r} holds {held or 'no score'}, not {wanted}; nothing was counted.",
                held=number(held) if held else None,
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


@dataclass(frozen=True, slots=True)
class Move:
    """What a score did in its first ranking: from which run to which, as (score, member); None where there is none."""

    period: str
    before: tuple[str, bytes] | None
    now: tuple[str, bytes]


def _move(player: bytes, held: bytes | int, fields: Sequence[bytes | int]) -> Move:
    period, old, *prefixes = map(_text, fields)
    before, now = (prefix.encode() + player for prefix in prefixes)
    return Move(period, None if old == "" else (old, before), (_text(held), now))


_PENDING = ScorecastError("not yet decided")


def _text(raw: bytes | int) -> str:
    return raw.decode() if isinstance(raw, bytes) else str(raw)
