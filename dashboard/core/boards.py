"""Boards: their settings, from the first declaration to deletion.

Owns: settings and their revision, the list of boards, versions. Leaves to others: scores (`scores.py`), reading rows
(`rankings.py`). Settings are remembered in this process; every script checks the revision it is handed, so that a
remembered setting is never used after it changed.
"""

import json
import logging
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from dashboard.core.calendars import open_periods
from dashboard.core.chronicle import Chronicle
from dashboard.core.clock import Clock
from dashboard.core.merging import check_sources, refresh, standings
from dashboard.core.periods import LAST_MS
from dashboard.core.shards import inner_names, outer_name, shard_of
from dashboard.errors import (
    BoardConflict,
    BoardNotDeclared,
    BoardNotFound,
    InvalidInput,
    SourceUnavailable,
    StoreUnavailable,
)
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.reads import Reads
from dashboard.store.scripts import Scripts, answering
from dashboard.values import Board, BoardSettings, Column, Merge, Review, ScoreFormat, Season, Source

log = logging.getLogger(__name__)

RE_RANKING = ("order", "rule", "ties", "columns", "key", "groups", "cohorts", "half_life_s", "merge", "shards")
STORED = ("revision", "settings", "seasons", "life")
ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Version:
    """How far a board has come: `number` rises with every change of ranks, `positions` are the ids of its last events, one
    for each shard.
    """

    revision: str
    number: int
    positions: tuple[str, ...]
    scores: int


ABSENT = Version("", 0, ("0-0",), 0)


class Boards:
    """All boards of one store. `declared_only`: a score does not make a board, only PUT does. `chronicle`: what goes with a
    board that is deleted.
    """

    def __init__(
        self,
        client: Client,
        scripts: Scripts,
        clock: Clock,
        chronicle: Chronicle | None = None,
        *,
        declared_only: bool = False,
    ) -> None:
        self._client = client
        self._reads = Reads(client)
        self._scripts = scripts
        self._clock = clock
        self._declared_only = declared_only
        self._chronicle = chronicle
        self._known: dict[str, Board] = {}

    def get(self, name: str) -> Board:
        """The board, as remembered or read. Raises BoardNotFound. At most one round trip."""
        board = self.look(name)
        if board is None:
            raise BoardNotFound(f"There is no board {name!r}. PUT it, or post its first score.")
        return board

    def remembered(self, name: str) -> Board | None:
        """The board as remembered, None where it is not. No round trip."""
        return self._known.get(name)

    def look(self, name: str) -> Board | None:
        """The board, as remembered or read; None if absent. At most one round trip."""
        return self._known.get(name) or self.read(name)

    def inner(self, board: Board) -> list[Board]:
        """The shards of a board, as boards, made where they are not there yet. No round trip if remembered."""
        wanted = _of_shard(board)
        remembered = ((name, self._known.get(name)) for name in inner_names(board))
        return [
            known if known is not None and known.settings == wanted else self._inner(board, name)
            for name, known in remembered
        ]

    def _inner(self, board: Board, name: str) -> Board:
        """Raises BoardNotFound where the board of that life, with so many shards, is no more."""
        wanted = (board.life, board.settings.shards)
        for _ in range(ATTEMPTS):
            known = self._known.get(name) or self.read(name)
            if known is not None and known.settings == _of_shard(board):
                return known
            self.forget(board.name)  # which of both is out of date?
            board = self.get(board.name)
            if (board.life, board.settings.shards) != wanted:
                raise BoardNotFound(f"The board {board.name!r} was made anew.")
            known = self.read(name)
            if known is not None and known.settings.of != board.life:  # its board's deletion did not come to its end
                self._delete(name, only=known.revision)
            elif known is None or known.settings != _of_shard(board):
                self.put(name, _of_shard(board))
                if known is None:
                    self._touch(board)
        raise restless(board.name)

    def _touch(self, board: Board) -> None:
        """Give the board another revision, so that who changes it and saw no such shard looks again. Raises BoardNotFound."""
        for _ in range(ATTEMPTS):
            now = self.read(board.name)
            if now is None or now.life != board.life:
                raise BoardNotFound(f"The board {board.name!r} was made anew.")
            if self._write(board.name, now, now.settings, re_ranks=False)[0] == b"ok":
                return
        raise restless(board.name)

    def home(self, name: str, player: str) -> str:
        """The board that holds a player: the shard of a sharded one. Raises BoardNotFound. One round trip."""
        self.forget(name)
        homes = self.homes(name)
        return homes[shard_of(player, len(homes))]

    def homes(self, name: str) -> list[str]:
        """All boards that hold players of one. Raises BoardNotFound. No round trip if remembered."""
        for _ in range(ATTEMPTS):
            board = self.get(name)
            if board.settings.shards is None:
                return [name]
            with suppress(BoardNotFound):  # it is another one by now
                return [inner.name for inner in self.inner(board)]
        raise restless(name)

    def ensure(self, name: str, settings: BoardSettings | None = None) -> Board:
        """The board; made with `settings` (or the defaults) where it is absent. No round trip if remembered.

        Raises BoardNotDeclared.
        """
        for _ in range(ATTEMPTS):
            board = self.look(name)
            if board is not None:
                return board
            if outer_name(name) != name:  # a shard is made with its board only
                raise BoardNotFound(f"The board {outer_name(name)!r} was deleted.")
            if self._declared_only:
                raise BoardNotDeclared(f"Nobody declared the board {name!r}: PUT it first (BOARDS=declared).")
            self._write(name, None, settings or BoardSettings(), re_ranks=False)
        raise restless(name)

    def put(self, name: str, settings: BoardSettings) -> tuple[Board, bool]:
        """Declare or change a board; true if it is new. Raises BoardConflict where stored scores would be ranked anew, or its
        boards cannot be merged.
        """
        if settings.key is not None:
            self._check_key(settings.key)
        if settings.merge is not None:
            if any(source.board == name for source in settings.merge.boards):
                raise BoardConflict(f"The board {name!r} cannot be merged of itself; name other boards.")
            check_sources(settings, settings.merge, self.look)
        for _ in range(ATTEMPTS):
            board = self.read(name)
            if board is not None and board.settings == settings:
                self._reach_shards(board)
                return board, False
            old = board.settings if board else settings
            fields = RE_RANKING if old.season is None else (*RE_RANKING, "season")
            changed = [field for field in fields if getattr(old, field) != getattr(settings, field)]
            re_ranks = bool(changed) and old.merge is None  # what is merged is made anew
            if changed and board is not None and not all(self._retire(one) for one in inner_names(board)):
                raise self._re_ranked(name, changed)
            reply, written = self._write(name, board, settings, re_ranks=re_ranks)
            if reply == b"ok":
                self._reach_shards(written, board)
                return written, board is None
            if reply == b"scores":
                raise self._re_ranked(name, changed)
        raise restless(name)

    def _reach_shards(self, board: Board, old: Board | None = None) -> None:
        """Give the settings to all shards, so that no process goes on by what it remembers; those that went are deleted."""
        with suppress(BoardNotFound):  # it was deleted, or has no shards any more
            self.inner(board)
        for name in inner_names(old)[board.settings.shards or 0 :] if old else ():
            with suppress(BoardNotFound):
                self._delete(name)

    def _retire(self, name: str) -> bool:
        """Delete a shard that never had a ranking, so that who remembers it looks for its board again; false if it had."""
        with suppress(BoardNotFound):
            return self._delete(name, empty=True)
        return True

    @staticmethod
    def _re_ranked(name: str, changed: list[str]) -> BoardConflict:
        return BoardConflict(
            f"The board {name!r} has scores; changing {', '.join(changed)} would rank them anew. "
            "Make another board, or delete this one first.",
            fields=changed,
        )

    def delete(self, name: str) -> None:
        """Delete a board with all its scores and its history. Raises BoardNotFound. Four round trips, one transaction; a
        sharded one as often again for each shard.
        """
        self.forget(name)  # the shards are those that it has now
        shards = inner_names(self.get(name))
        self._delete(name)
        for shard in shards:  # once nobody can make them anew
            with suppress(BoardNotFound):
                self._delete(shard)

    def _delete(self, name: str, *, only: str | None = None, empty: bool = False) -> bool:
        """Whether it did. `only`: as long as it has this revision; `empty`: as long as it never had a ranking."""
        for _ in range(ATTEMPTS):
            revision, periods = self._own_rankings(name)
            if (only is not None and revision != only) or (empty and periods):
                return False
            others = (keys.events(name), keys.history(name), keys.marks(name), keys.audit(name), keys.aside(name))
            rankings = (key for id in periods for key in keys.standings(name, id))
            names = [keys.board(name), keys.periods(name), keys.review(name), keys.unarchived(name), keys.groups(name)]
            names += [*self._merged(name), *others, *keys.tallied(name), *rankings]
            reply = self._scripts.write("delete_board", names, [keys.CHANGED, name, revision, len(periods)])
            self.forget(name)
            if reply == b"revision":
                continue
            with answering():
                self._client.srem(keys.BOARDS, name)
                if self._client.exists(keys.board(name)):  # made anew in between
                    self._client.sadd(keys.BOARDS, name)
            if reply == b"absent":
                raise BoardNotFound(f"There is no board {name!r}.")
            try:
                if self._chronicle is not None:
                    self._chronicle.forget(name)
            except SourceUnavailable as error:  # nobody can read it; it goes with the next board of that name
                log.warning("the history of %s stays in the database: %s", name, error)
            return True
        raise restless(name)

    def _merged(self, name: str) -> list[str]:
        """The keys that a board has where it is merged; what is of periods that are over goes by itself."""
        board = self.look(name)
        if board is None or board.settings.merge is None:
            return []
        ids = [period.id for period in open_periods(board, self._clock.now_ms())]
        return [key for id in ids for key in (keys.merged(name, id), keys.merged_of(name, id))]

    def all(self) -> list[Board]:
        """All boards by name, with the number of players in their first period. Three round trips."""
        names = self.names()
        with answering(), self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hmget(keys.board(name), *STORED)
            found = [board for name, reply in zip(names, pipe.execute(), strict=True) if (board := _parse(name, reply))]
        return self._counted(found)

    def names(self) -> list[str]:
        """The names of all boards, sorted. One round trip."""
        with answering():
            return sorted(name for raw in self._client.smembers(keys.BOARDS) if "/" not in (name := raw.decode()))

    def stored(self) -> list[str]:
        """The names of all boards that scores are written to: of a sharded one those of its shards. One round trip."""
        with answering():
            return sorted(raw.decode() for raw in self._client.smembers(keys.BOARDS))

    def with_players(self, board: Board) -> Board:
        """The board with its number of players. One round trip."""
        return self._counted([board])[0]

    def fresh(self, name: str) -> Board:
        """The board as stored now, with its number of players. Raises BoardNotFound. Two round trips."""
        self.forget(name)
        return self.with_players(self.get(name))

    def read(self, name: str) -> Board | None:
        """The board as stored now; None if absent. One round trip."""
        with answering():
            reply = self._client.hmget(keys.board(name), *STORED)
        board = _parse(name, reply)
        if board is None:
            self._known.pop(name, None)
        else:
            self._known[name] = board
        return board

    def forget(self, name: str) -> None:
        """A script said that the remembered settings are out of date."""
        self._known.pop(name, None)

    def is_current(self, board: Board, revision: bytes | None) -> bool:
        """Whether a board is as remembered, by the revision that was just read with its rows; if not, it is forgotten."""
        if revision == board.revision.encode():
            return True
        self.forget(board.name)
        return False

    def versions(self, names: Sequence[str]) -> list[Version]:
        """How far each board has come; ABSENT for one that does not exist. One round trip for all of them.

        A sharded board that is not remembered yet looks as if it stood still.
        """
        boards = [self._known.get(name) for name in names]
        asked = [[name, *(inner_names(board) if board else ())] for name, board in zip(names, boards, strict=True)]
        fields = "revision", "version", "position", "scores"
        with answering():
            replies = iter(self._reads.ask([("HMGET", keys.board(name), *fields) for group in asked for name in group]))
        return [_version([next(replies) for _ in group]) for group in asked]

    def periods(self, name: str) -> list[str]:
        """Ids of all periods that ever had a ranking. One round trip."""
        return self.rankings(name)[1]

    def rankings(self, name: str) -> tuple[str, list[str]]:
        """A board's revision ('' where it is absent) with the ids of all periods that ever had a ranking. One round trip, and
        one for each shard.
        """
        revision, ids = self._own_rankings(name)
        board = self.look(name) if revision else None
        for inner in inner_names(board) if board else ():
            ids = sorted({*ids, *self._own_rankings(inner)[1]})
        return revision, ids

    def _own_rankings(self, name: str) -> tuple[str, list[str]]:
        with answering(), self._client.pipeline(transaction=True) as pipe:
            pipe.hget(keys.board(name), "revision")
            pipe.smembers(keys.periods(name))
            revision, ids = pipe.execute()
        return (revision or b"").decode(), sorted(raw.decode() for raw in ids)

    def mark(self, name: str, id: str) -> str:
        """An import's stored place, '' if it has not begun. One round trip."""
        with answering():
            return str((self._client.hget(keys.marks(name), id) or b"").decode())

    def _write(self, name: str, seen: Board | None, settings: BoardSettings, *, re_ranks: bool) -> tuple[bytes, Board]:
        """Store the settings if the board is still as `seen`. Listed before, so that a board that is stored is listed
        whatever dies in between, and after, since its former life may have been struck off meanwhile. What ranks otherwise
        begins another life, without the shards of this one.
        """
        board = Board(name, settings, secrets.token_hex(6), seasons=seen.seasons if seen else ())
        board = replace(board, life=board.revision if re_ranks or not seen else seen.life)
        stored = json.dumps(asdict(settings), ensure_ascii=False)
        args: Sequence[str | int] = [seen.revision if seen else "", board.revision, stored, int(re_ranks)]
        args = [*args, "all" if settings.key else ""]
        with answering():
            self._client.sadd(keys.BOARDS, name)
            names = [keys.board(name), keys.periods(name), keys.review(name)]
            reply: bytes = self._scripts.write("put_board", names, args)[0]
            self._client.sadd(keys.BOARDS, name)
        if reply == b"ok":
            self._known[name] = board
        return reply, board

    def _check_key(self, key: str) -> None:
        """Raises InvalidInput where a key holds something else than a sorted set."""
        with answering():
            kind = self._client.type(key).decode()
        if kind not in ("none", "zset"):
            raise InvalidInput(f"{key!r} holds a {kind}, not a sorted set.", ("/key", "not a sorted set"))

    def _counted(self, boards: list[Board]) -> list[Board]:
        now_ms = self._clock.now_ms()
        ids = [open_periods(board, now_ms)[0].id for board in boards]
        for board, id in zip(boards, ids, strict=True):
            with suppress(BoardConflict):
                refresh(self._scripts, self, board, id)
        with answering(), self._client.pipeline(transaction=False) as pipe:
            for board, id in zip(boards, ids, strict=True):
                for name in inner_names(board) or ():
                    pipe.zcard(keys.ranking(name, id))
                if board.settings.shards is None:
                    pipe.zcard(standings(board, id)[0])
            found = iter(pipe.execute(raise_on_error=False))  # another program's key may hold anything
        sizes = [[next(found) for _ in range(board.settings.shards or 1)] for board in boards]
        counts = [sum(n for n in size if isinstance(n, int)) for size in sizes]
        return [
            replace(board, players=n, season_ends_ms=_season_ends(board, now_ms))
            for board, n in zip(boards, counts, strict=True)
        ]


def restless(board: str) -> StoreUnavailable:
    """What to raise where a board changed as often as it was looked at."""
    return StoreUnavailable(f"The board {board!r} keeps changing; try again.")


def _of_shard(board: Board) -> BoardSettings:
    return replace(board.settings, shards=None, of=board.life)


def _version(replies: Sequence[Sequence[bytes | None]]) -> Version:
    """Of a board's own fields, and those of its shards, which then count for it."""
    (revision, *_), *inner = replies
    if revision is None:
        return ABSENT
    said = inner or replies
    positions = tuple((position or b"0-0").decode() for _, _, position, _ in said)
    return Version(
        revision.decode(),
        sum(int(number or 0) for _, number, _, _ in said),
        positions,
        sum(int(scores or 0) for *_, scores in said),
    )


def _season_ends(board: Board, now_ms: int) -> int | None:
    ends = [period.end_ms for period in open_periods(board, now_ms) if period.kind == "season"]
    return ends[0] if ends and ends[0] < LAST_MS else None


def _parse(name: str, reply: Sequence[bytes | None]) -> Board | None:
    revision, settings, seasons, life = reply
    if revision is None or settings is None:
        return None
    stored = json.loads(settings)
    stored["periods"] = tuple(stored["periods"])
    stored["columns"] = tuple(Column(**column) for column in stored.get("columns", ()))
    stored["review"] = Review(**stored["review"]) if stored.get("review") else None
    stored["season"] = Season(**stored["season"]) if stored.get("season") else None
    if merge := stored.get("merge"):
        stored["merge"] = Merge(**merge | {"boards": tuple(Source(**source) for source in merge["boards"])})
    stored["format"] = ScoreFormat(**stored.get("format", {}))
    starts = tuple(json.loads(seasons or b"[]"))
    return Board(name, BoardSettings(**stored), revision.decode(), (life or b"").decode(), starts)
