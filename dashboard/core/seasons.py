"""Seasons that operators begin by hand: the roll-over from one to the next.

Owns: the roll-over. Leaves to others: which season an instant belongs to (`calendars.py`), who may do it (`web/`).

The start of each season stands with the board and under its revision: a plan made before the roll-over is refused by
the script that would apply it, and is made anew. So every score counts in one season.
"""

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager

from dashboard.core.boards import Boards, restless
from dashboard.errors import BoardConflict, LockLost
from dashboard.store import keys
from dashboard.store.lock import Held
from dashboard.store.scripts import Scripts

ATTEMPTS = 20


class Seasons:
    """Begins seasons. `hold(name)` holds a lock."""

    def __init__(self, scripts: Scripts, boards: Boards, hold: Callable[[str], AbstractContextManager[Held]]) -> None:
        self._scripts = scripts
        self._boards = boards
        self._hold = hold

    def roll_over(self, board: str) -> tuple[int, int]:
        """End the running season and begin the next one, under the lock `season:<board>`: its number, and since when.

        Raises BoardNotFound, BoardConflict (no seasons, or they follow a cron), LockHeld (somebody is at it), LockLost.
        Five round trips.
        """
        with self._hold(f"season:{board}") as held:
            return self.begin_next(board, fence=held.fence)

    def begin_next(self, board: str, *, fence: int) -> tuple[int, int]:
        """The same for who holds the lock: once for each fence, again the same answer. Raises LockLost where a later
        holder began a season. Two round trips.
        """
        for _ in range(ATTEMPTS):
            known = self._boards.fresh(board)
            if known.settings.season is None:
                raise BoardConflict(f"The board {board!r} has no seasons: PUT it with them among its periods.")
            if known.settings.season.cron is not None:
                raise BoardConflict(
                    f"The seasons of the board {board!r} follow the cron {known.settings.season.cron!r}."
                )
            args: list[str | int] = [known.revision, secrets.token_hex(6), fence, keys.CHANGED, board]
            reply = self._scripts.write("roll_season", [keys.board(board)], args)
            self._boards.forget(board)
            if reply[0] == b"ok":
                return int(reply[1]), int(reply[2])
            if reply[0] == b"fence":
                raise LockLost(f"The lock 'season:{board}' was lost, and a later holder began a season.")
        raise restless(board)
