"""Merging: boards whose ranking is made of those of other boards.

Owns: which boards can be merged, making the ranking when it is read. Leaves to others: settings (`boards.py`), reading
(`rankings.py`). The ranking is made anew where a board of it changed since, in one atomic step; nothing is written to it
otherwise, and where nobody reads it, it goes.
"""

from collections.abc import Callable
from typing import Protocol

from dashboard.errors import BoardConflict, KeyConflict
from dashboard.store import keys
from dashboard.store.scripts import Scripts
from dashboard.values import Board, BoardSettings, Merge

KEPT_S = 3600
COMMANDS = {"union": "ZUNIONSTORE", "intersection": "ZINTERSTORE"}

Look = Callable[[str], Board | None]


class Known(Protocol):
    """The boards as a process remembers them."""

    def look(self, name: str) -> Board | None: ...
    def forget(self, name: str) -> None: ...


def check_sources(settings: BoardSettings, merge: Merge, look: Look) -> None:
    """Whether the boards that there are can be merged. Raises BoardConflict that says which cannot, and why."""
    for source in merge.boards:
        board = look(source.board)
        why = None if board is None else _obstacle(board.settings, settings)
        if why is not None:
            raise BoardConflict(f"The board {source.board!r} cannot be merged: it {why}.")


def _obstacle(theirs: BoardSettings, mine: BoardSettings) -> str | None:
    if theirs.merge is not None:
        return "is merged itself; name its boards instead"
    if theirs.shards is not None:
        return "has shards"
    if theirs.key is not None:
        return "is a sorted set of other programs, who do not say when it changes"
    if theirs.columns or theirs.ties == "first":
        return "orders equal scores by columns or arrival, and only scores can be merged"
    if theirs.half_life_s is not None:
        return "has scores that decay"
    if missing := [kind for kind in mine.periods if kind not in theirs.periods]:
        return f"has no period {missing[0]}"
    return None


def refresh(scripts: Scripts, boards: Known, board: Board, period_id: str) -> bool:
    """Make the ranking of a merged board as new as its boards; False where it or one of them is no longer as remembered,
    and is forgotten.

    Raises BoardConflict. One round trip; where a board of it changed, the store is busy for about a microsecond for each
    player of them, but not for more than a twentieth of its time.
    """
    merge = board.settings.merge
    if merge is None:
        return True
    seen = {source.board: boards.look(source.board) for source in merge.boards}
    check_sources(board.settings, merge, seen.get)
    names = [keys.board(board.name), keys.merged(board.name, period_id), keys.merged_of(board.name, period_id)]
    args: list[str | int] = [board.revision, COMMANDS[merge.how], merge.aggregate.upper(), KEPT_S]
    for source in merge.boards:
        its = seen[source.board]
        names += [keys.board(source.board), keys.ranking(source.board, period_id)]
        args += [source.weight, its.revision if its else ""]
    try:
        reply = scripts.write("merge_boards", names, args)
    except KeyConflict as error:
        raise BoardConflict(f"The boards of {board.name!r} cannot be merged: {error.detail}") from error
    if reply != b"revision":
        return True
    for name in (board.name, *(source.board for source in merge.boards)):
        boards.forget(name)
    return False


def standings(board: Board, period_id: str) -> tuple[str, str, str]:
    """The three keys of one ranking of a board, whosever it is."""
    key = board.settings.key if board.settings.merge is None else keys.merged(board.name, period_id)
    return keys.standings(board.name, period_id, key)
