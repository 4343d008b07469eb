"""Groups and cohorts: who belongs together on a board, and how groups and their members rank.

Owns: membership, the settings by which groups rank. Leaves to others: keeping groups in step with scores
(`store/lua/parts/moves.lua`), reading a ranking (`rankings.py`), what a group's name may be (`scores.py`).

The ranking of a group is a sorted set like that of its board, with the same members, so that it is read in the same way.
Groups are not archived: they are there as long as the ranking of their period is in Redis.
"""

from collections.abc import Sequence

from dashboard.core.boards import Boards, restless
from dashboard.core.calendars import pick_period
from dashboard.core.clock import Clock
from dashboard.core.cursors import page_start
from dashboard.core.periods import Period
from dashboard.core.rankings import Rankings
from dashboard.core.runs import rules
from dashboard.core.scores import clean_player
from dashboard.errors import Forbidden, InvalidInput
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.scripts import Scripts, answering
from dashboard.values import Board, BoardSettings, Page

ATTEMPTS = 20
COHORTS = BoardSettings(order="asc")
"""Cohorts stand by their numbers."""


def clean_group(name: object) -> str:
    """A group's name, which is what a player's may be. Raises InvalidInput."""
    try:
        return clean_player(name)
    except InvalidInput as error:
        errors = [("/group", message) for _, message in error.errors]
        raise InvalidInput(error.detail.replace("a player", "a group"), *errors) from None


def group_settings(settings: BoardSettings) -> BoardSettings:
    """How the groups of a board rank: by their totals in its order; equal ones share a rank."""
    return COHORTS if settings.cohorts else BoardSettings(order=settings.order, ties="shared")


class Groups:
    """Writes membership and reads groups. Period arguments are those of Rankings."""

    def __init__(self, client: Client, scripts: Scripts, boards: Boards, rankings: Rankings, clock: Clock) -> None:
        self._client = client
        self._scripts = scripts
        self._boards = boards
        self._rankings = rankings
        self._clock = clock

    def assign(self, board: str, player: str, group: str | None, *, as_operator: bool = True) -> str | None:
        """Put a player into a group (None: into none), with all runs in every period, at once; the group before.

        Raises BoardNotFound, InvalidInput (no board of groups), Forbidden (not `as_operator`, and the board is written by
        operators only). Two round trips.
        """
        for _ in range(ATTEMPTS):
            known = self._boards.get(board)
            if known.settings.groups is None:
                raise InvalidInput(f'Nobody is put into groups on the board {board!r}: PUT it with "groups" first.')
            if known.settings.writers == "operators" and not as_operator:
                raise Forbidden(f"The board {board!r} is written by operators only: send OPERATOR_KEY as X-API-Key.")
            revision, ids = self._boards.rankings(board)
            if not self._boards.is_current(known, revision.encode()):
                continue
            names = [keys.board(board), keys.periods(board), keys.groups(board)]
            names += [*(key for id in ids for key in keys.standings(board, id)), keys.unarchived(board)]
            args = [revision, keys.CHANGED, board, rules(known.settings), player, group or "", *ids]
            reply = self._scripts.write("assign_group", names, args)
            if reply[0] == b"ok":
                return reply[1].decode() or None
            self._boards.forget(board)
        raise restless(board)

    def table(
        self,
        board: str,
        kind: str = "all",
        *,
        limit: int = 10,
        cursor: str | None = None,
        at_ms: int | None = None,
    ) -> Page:
        """The groups in order: each a row with its name as `player`, its total as `score` and as `data` how many members it
        has; of cohorts the score is the number. Raises BoardNotFound, BadCursor, InvalidInput. One round trip.
        """
        where = page_start(cursor)
        for _ in range(ATTEMPTS):
            known, period = self._picture(board, kind, at_ms)
            names = (keys.totals(board, period.id), keys.runs(board, period.id), keys.levels(board, period.id))
            page = self._rankings.read(
                known,
                period.id,
                names,
                limit,
                where,
                settings=group_settings(known.settings),
                groups_of=keys.members(board, period.id, ""),
            )
            if page is not None:
                return self._there(known, period, page)
        raise restless(board)

    def top(
        self,
        board: str,
        group: str,
        kind: str = "all",
        *,
        limit: int = 10,
        cursor: str | None = None,
        at_ms: int | None = None,
    ) -> Page:
        """The members of a group with their ranks in it, none where there is no such group. Raises as `table`. One round
        trip.
        """
        where = page_start(cursor)
        for _ in range(ATTEMPTS):
            known, period = self._picture(board, kind, at_ms)
            page = self._read(known, period, group, limit, where)
            if page is not None:
                return self._there(known, period, page)
        raise restless(board)

    def around(
        self, board: str, player: str, kind: str = "all", *, radius: int = 5, at_ms: int | None = None
    ) -> tuple[str | None, Page]:
        """A player's group, None where there is none, and the player in it with up to `radius` rows above and below; no
        rows where the player has no score. Raises BoardNotFound, InvalidInput. Two round trips.
        """
        for _ in range(ATTEMPTS):
            known, period = self._picture(board, kind, at_ms)
            name = keys.groups(board) if known.settings.groups else keys.cohorts(board, period.id)
            with answering():
                group = (self._client.hget(name, player) or b"").decode() or None
            page = self._read(known, period, group or "", 0, ("around", player, radius))
            if page is not None:
                return group, self._there(known, period, page)
        raise restless(board)

    def _read(self, known: Board, period: Period, group: str, limit: int, where: Sequence[str | int]) -> Page | None:
        names = (
            keys.members(known.name, period.id, group),
            keys.runs(known.name, period.id),
            keys.member_levels(known.name, period.id, group),
        )
        return self._rankings.read(known, period.id, names, limit, where)

    def _picture(self, board: str, kind: str, at_ms: int | None) -> tuple[Board, Period]:
        known = self._boards.get(board)
        if known.settings.groups is None and known.settings.cohorts is None:
            raise InvalidInput(f'The board {board!r} has no groups: PUT it with "groups" or "cohorts" first.')
        return known, pick_period(known, kind, self._clock.now_ms() if at_ms is None else at_ms)

    def _there(self, known: Board, period: Period, page: Page) -> Page:
        if not page.players and self._rankings.is_archived(known, period):
            with answering():
                here = self._client.exists(keys.ranking(known.name, period.id))
            if not here:
                raise InvalidInput(
                    f"The ranking of {period.id} is archived, and its groups ended with it in Redis.",
                    ("/at", "archived"),
                )
        return page
