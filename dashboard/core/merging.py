"""Merging: boards whose ranking is made of those of other boards.

Owns: which boards can be merged, making the ranking when it is read. Leaves to others: settings (`boards.py`), reading
(`rankings.py`). The ranking is made anew where a board of it changed since, in one atomic step; nothing is written to it
otherwise, and where nobody reads it, it goes.
"""

from collections.abc import Callable

from dashboard.errors import BoardConflict
from dashboard.store import keys
from dashboard.store.scripts import Scripts
from dashboard.values import Board, BoardSettings, Merge

KEPT_S = 3600
COMMANDS = {"union": "ZUNIONSTORE", "intersection": "ZINTERSTORE"}

Look = Callable[[str], Board | None]


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
    if theirs.key is not None:
        return "is a sorted set of other programs, who do not say when it changes"
    if theirs.columns or theirs.ties == "first":
        return "orders equal scores by columns or arrival, and only scores can be merged"
    if theirs.half_life_s is not None:
        return "has scores that decay"
    if missing := [kind for kind in mine.periods if kind not in theirs.periods]:
        return f"has no period {missing[0]}"
    return None


def refresh(scripts: Scripts, look: Look, board: Board, period_id: str) -> bool:
    """Make the ranking of a merged board as new as its boards; False where the board is no longer as remembered.

    Raises BoardConflict. One round trip; where a board of it changed, the store is busy for about a microsecond for each
    player of them.
    """
    merge = board.settings.merge
    if merge is None:
        return True
    check_sources(board.settings, merge, look)
    names = [keys.board(board.name), keys.merged(board.name, period_id), keys.merged_of(board.name, period_id)]
    for source in merge.boards:
        names += [keys.board(source.board), keys.ranking(source.board, period_id)]
    args: list[str | int] = [board.revision, COMMANDS[merge.how], merge.aggregate.upper(), KEPT_S]
    args += [source.weight for source in merge.boards]
    return bool(scripts.write("merge_boards", names, args) != b"revision")


def standings(board: Board, period_id: str) -> tuple[str, str, str]:
    """The three keys of one ranking of a board, whosever it is."""
    key = board.settings.key if board.settings.merge is None else keys.merged(board.name, period_id)
    return keys.standings(board.name, period_id, key)
