"""Scores: from what a game client sends to what the board holds, in one atomic script per batch.

Owns: what a player's name, a score and its id may be, and submitting. Leaves to others: the plan of one script call
(`plans.py`), settings (`boards.py`), rows (`rankings.py`), removals (`removals.py`), JSON and HTTP (`web/`).
"""

import json
import unicodedata
from collections.abc import Sequence
from typing import Any

from dashboard.core.boards import Boards, restless
from dashboard.core.clock import Clock
from dashboard.core.pictures import Pictures
from dashboard.core.plans import Plan
from dashboard.core.sharded_rankings import ShardedRankings
from dashboard.core.sharded_scores import ShardedScores
from dashboard.errors import BoardConflict, BoardNotFound, Forbidden, InvalidInput, MarkMoved, ScorecastError
from dashboard.store.once import Once
from dashboard.store.scripts import Scripts, sharing
from dashboard.values import MAX_SCORE, Board, Mark, Result, Score

BATCH = 1000
"""Most scores in one call: about 10 ms of the store's time."""
LONGEST = 128
DATA_BYTES = 1024
COMPOSED = 4
"""NFC makes at most so many characters one."""
ATTEMPTS = 20
LONGEST_ID = 128


def clean_player(name: object) -> str:
    """The name as it is stored: NFC-normalised, 1 to 128 characters of any script. Raises InvalidInput."""
    if not isinstance(name, str):
        raise InvalidInput("a player is a text of 1 to 128 characters", ("/player", "must be a text"))
    if not name.isascii() and len(name) <= COMPOSED * LONGEST:  # a longer one would only cost time, by its square
        name = unicodedata.normalize("NFC", name)
    if not 1 <= len(name) <= LONGEST:
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


def clean_id(value: object) -> str:
    """A score's id: 1 to 128 printable characters of ASCII. Raises InvalidInput."""
    if isinstance(value, str) and 1 <= len(value) <= LONGEST_ID and value.isascii() and value.isprintable():
        return value
    raise InvalidInput(
        f"an id has 1 to {LONGEST_ID} printable ASCII characters, a UUID for example", ("/id", "1 to 128 characters")
    )


def clean_data(value: object) -> str | None:
    """A score's data as the JSON that is stored, None for null. Raises InvalidInput, also where it is longer than
    DATA_BYTES.
    """
    if value is None:
        return None
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        size = len(text.encode())
    except (ValueError, RecursionError) as error:  # infinite, a lone surrogate, nested too deeply
        raise InvalidInput("the data of a score is no JSON that can be kept", ("/data", "must be JSON")) from error
    if size > DATA_BYTES:
        raise InvalidInput(
            f"the data of a score has at most {DATA_BYTES} bytes as JSON", ("/data", f"at most {DATA_BYTES} bytes")
        )
    return text


def _check_writer(board: Board, *, as_operator: bool) -> None:
    """Raises BoardConflict, Forbidden."""
    if board.settings.merge is not None:
        raise BoardConflict(f"The board {board.name!r} is merged of others and takes no scores: post to those.")
    if board.settings.writers == "operators" and not as_operator:
        raise Forbidden(f"The board {board.name!r} takes scores from operators only: send OPERATOR_KEY as X-API-Key.")


class Scores:
    """Writes scores to boards."""

    def __init__(self, scripts: Scripts, boards: Boards, clock: Clock, sharded: ShardedRankings | None = None) -> None:
        self._scripts = scripts
        self._boards = boards
        self._clock = clock
        self._sharded = None if sharded is None else ShardedScores(boards, sharded, self._run)
        self._pictures = Pictures()
        self.accepted = 0

    def submit(
        self, board: str, scores: Sequence[Score], *, as_operator: bool = True, once: Once | None = None
    ) -> list[Result | ScorecastError]:
        """Apply up to BATCH scores in their order; a refused one has its error in its place, the others count.

        With `once` all of them together are applied once, and the results of then come again, for the board's `id_s`.

        Raises BoardNotDeclared, Forbidden (not `as_operator`, and the board takes scores from operators only),
        IdempotencyConflict, StoreUnavailable (nothing was acknowledged). One round trip; a board's first score takes four
        more.
        """
        _check_size(scores)
        for _ in range(ATTEMPTS):
            known = self._board(board, as_operator=as_operator)
            try:
                if known.settings.shards is not None and self._sharded is not None:
                    return self._counted(self._sharded.submit(known, scores, once), once)
                return self._results(*self._run(board, scores, None, once, as_operator=as_operator))
            except BoardNotFound:  # deleted since it was remembered: begin anew, as with any board
                self._boards.forget(board)
        raise restless(board)

    def remembered(self, board: str, *, as_operator: bool) -> Board | None:
        """The board, if this process remembers it, and scores for it are one call and not refused. No round trip."""
        known = self._boards.remembered(board)
        if known is None or known.settings.shards is not None:
            return None
        try:
            _check_writer(known, as_operator=as_operator)
        except (BoardConflict, Forbidden):
            return None
        return known

    def plan(self, board: Board, scores: Sequence[Score], mark: Mark | None = None, once: Once | None = None) -> Plan:
        """The call that applies scores to a board as it is remembered. Whoever makes it hands the reply to `read`."""
        now_ms = self._clock.now_ms()
        return Plan(self._pictures.of(board, now_ms), scores, now_ms, mark, once)

    def read(self, plan: Plan, reply: Sequence[Any]) -> list[Result | ScorecastError] | None:
        """The results of a plan; None where the board's picture was out of date: nothing happened, plan anew."""
        replies = self._settle(plan, reply)
        return None if replies is None else self._results(plan, replies)

    def _results(self, plan: Plan, replies: Sequence[Any]) -> list[Result | ScorecastError]:
        return self._counted(plan.read(replies), plan.once)

    def _counted(self, results: list[Result | ScorecastError], once: Once | None) -> list[Result | ScorecastError]:
        if once is None or not once.replayed:
            self.accepted += sum(isinstance(result, Result) for result in results)
        return results

    def load(self, board: str, scores: Sequence[Score], mark: Mark) -> dict[int, ScorecastError]:
        """Apply up to BATCH scores of history (never too late) and move the mark, both or neither.

        Returns the refused scores by their index; the others count. Raises MarkMoved where the board's mark is not
        `mark.expected` (nothing happened), and as `submit`. One round trip, and half of its cost: no rank is looked up.
        """
        _check_size(scores)
        known = self._boards.ensure(board)
        if known.settings.shards is not None and self._sharded is not None:
            refused = self._sharded.load(known, scores, mark)
        else:
            plan, replies = self._run(board, scores, mark)
            refused = plan.refused(replies)
        self.accepted += len(scores) - len(refused)
        return refused

    def _board(self, name: str, *, as_operator: bool) -> Board:
        known = self._boards.ensure(name)
        _check_writer(known, as_operator=as_operator)
        return known

    def _run(
        self,
        board: str,
        scores: Sequence[Score],
        mark: Mark | None,
        once: Once | None = None,
        *,
        as_operator: bool = True,
        of: str | None = None,
    ) -> tuple[Plan, Sequence[Any]]:
        """`of`: the life of the board whose shard it is. Raises BoardNotFound where it is not, or a board got shards."""
        for _ in range(ATTEMPTS):
            known = self._board(board, as_operator=as_operator)
            parted = known.settings.shards is not None and scores and self._sharded is not None
            if parted or known.settings.of != of:
                raise BoardNotFound(f"The board {board!r} was made anew.")
            plan = self.plan(known, scores, mark, once)
            with sharing(known.settings.key):
                reply = self._scripts.write(plan.script, plan.keys, plan.args)
            replies = self._settle(plan, reply)
            if replies is not None:
                return plan, replies
        raise restless(board)

    def _settle(self, plan: Plan, reply: Sequence[Any]) -> Sequence[Any] | None:
        """One reply per score that was sent; None where the picture was out of date, and nothing happened."""
        once = plan.once
        match reply[0]:
            case b"ok":
                return reply[2:]
            case b"again" if once is not None:
                once.replayed = True
                return reply[2:]
            case b"conflict" if once is not None:
                raise once.conflict()
            case b"clock":
                self._clock.correct(int(reply[1]))
            case b"revision":
                self._boards.forget(plan.board.name)
            case b"mark":
                raise MarkMoved("Another writer took this import further.", mark=reply[1].decode())
        return None

    def mark(self, board: str, id: str) -> str:
        """An import's stored place, '' if it has not begun. One round trip."""
        return self._boards.mark(board, id)


def _check_size(scores: Sequence[Score]) -> None:
    if len(scores) > BATCH:
        raise InvalidInput(f"at most {BATCH} scores at once", ("/scores", f"at most {BATCH} items"))
