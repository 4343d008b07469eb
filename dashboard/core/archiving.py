"""Archiving: from a ranking that is final to the archive, and its end in Redis.

Owns: which rankings are due, copying them. Leaves to others: the archive (`archive.py`), calling it (`live/`).

A ranking has no expiry until it is archived as it stands: what writes to it notes the board's version at that change,
and the script that lets it expire does so only if that is still the one with which it was read.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from dashboard.core.archive import Archive, Archived
from dashboard.core.boards import Boards
from dashboard.core.calendars import kept_until_ms, period_of
from dashboard.core.clock import Clock
from dashboard.core.periods import Period
from dashboard.core.plans import TRUST_MS
from dashboard.core.rankings import Rankings
from dashboard.core.shards import outer_name
from dashboard.errors import BoardNotFound, LockHeld, LockLost
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.lock import Held
from dashboard.store.scripts import Scripts, answering
from dashboard.values import Board

log = logging.getLogger(__name__)

PART = 1000
LED = 100


class Archiving:
    """Archives what is due. Any number of processes may, each board is worked on by one at a time.

    `hold(name)` holds a lock.
    """

    def __init__(
        self,
        client: Client,
        scripts: Scripts,
        boards: Boards,
        rankings: Rankings,
        archive: Archive,
        hold: Callable[[str], AbstractContextManager[Held]],
        clock: Clock,
    ) -> None:
        self._client = client
        self._scripts = scripts
        self._boards = boards
        self._rankings = rankings
        self._archive = archive
        self._hold = hold
        self._clock = clock

    def archive_due(self) -> int:
        """Archive every ranking whose period has taken its last late score; how many there were.

        Raises StoreUnavailable, SourceUnavailable. Three round trips where nothing is due.
        """
        names = self._boards.stored()
        with answering(), self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hkeys(keys.unarchived(name))
            found = pipe.execute()
        waiting: dict[str, set[str]] = {}
        for name, ids in zip(names, found, strict=True):
            waiting.setdefault(outer_name(name), set()).update(id.decode() for id in ids)
        with answering(), self._client.pipeline(transaction=False) as pipe:
            for name in waiting:
                pipe.hget(keys.board(name), "revision")
            revisions = pipe.execute()
        pairs = zip(waiting.items(), revisions, strict=True)
        count = sum(self._archive_board(name, sorted(ids), revision) for (name, ids), revision in pairs if ids)
        if count:
            log.info("archive: %s rankings archived", count)
        return count

    def _archive_board(self, name: str, ids: list[str], revision: bytes | None) -> int:
        try:
            known = self._boards.get(name)
            if not self._boards.is_current(known, revision):  # ids may name seasons that it does not know
                known = self._boards.fresh(name)
            if not self._due(known, ids):
                return 0
            with self._hold(f"archive:{name}") as held:
                board = self._boards.fresh(name)
                return sum(self._copy(board, period, held) for period in self._due(board, ids))
        except LockHeld:
            log.debug("archive of %s: somebody is at it", name)
        except (LockLost, BoardNotFound) as error:
            log.warning("archive of %s: %s", name, error)
        return 0

    def _due(self, board: Board, ids: list[str]) -> list[Period]:
        late_ms = 1000 * board.settings.late_s + 2 * TRUST_MS  # and what was planned before may yet come
        now_ms = self._clock.now_ms()
        return [period for id in ids if (period := period_of(board, id)).end_ms + late_ms <= now_ms]

    def _copy(self, board: Board, period: Period, held: Held) -> bool:
        homes = self._boards.homes(board.name)
        total = self._boards.versions([board.name])[
            0
        ].number  # before the notes: what changes after it has a larger one
        with answering(), self._client.pipeline(transaction=False) as pipe:
            for name in homes:
                pipe.hget(keys.unarchived(name), period.id)
            noted = {name: found for name, found in zip(homes, pipe.execute(), strict=True) if found is not None}
        over_ms = kept_until_ms(board.settings, period)
        if not noted or over_ms is None:
            return False
        now_ms = self._clock.now_ms()
        # notes are of some shards only, and those of others may add up to the same
        version = total if board.settings.shards is not None else int(noted[board.name])
        if over_ms <= now_ms:  # history, of which more may be on its way
            over_ms = now_ms + over_ms - period.end_ms
        was = self._archive.find(board.name, board.life, period.id)
        if was is not None and was.version != version and self._began_anew(board, was):
            log.warning("archive of %s: %s had expired; what came since is not archived", board.name, period.id)
        elif was is None or was.version != version:
            ranking = Archived(board.name, board.life, period.id, held.fence, version, 0)
            for rows in self._rankings.scan(board, period.id, PART):
                held.check()
                self._archive.add(ranking, ranking.players + 1, rows)
                ranking = replace(ranking, players=ranking.players + len(rows))
            self._archive.finish(ranking, self._clock.now_ms())
        closed = []
        for name, at in noted.items():
            names = [keys.unarchived(name), *keys.standings(name, period.id)]
            closed.append(bool(self._scripts.write("close_ranking", names, [period.id, at, over_ms])))
        return all(closed)

    def _began_anew(self, board: Board, was: Archived) -> bool:
        """Whether the ranking had expired, and is not the archived one with changes: those who led there are missing."""
        led = [row.player for row in self._archive.rows(was, 1, LED)]
        here: set[str] = set()
        for name in self._boards.homes(board.name):
            home = self._boards.get(name)
            here |= {row.player for row in self._rankings.rows(home, was.period, 0, "players", *led)}
            with answering():
                here |= {player.decode() for player in self._client.hkeys(keys.aside(name))}
        return not here.issuperset(led)
