"""Removals: taking a player off a board, hiding one, and undoing it; and the scores that wait for an operator.

Owns: the audit stream, what is kept of those set aside, the review stream. Leaves to others: who may do it (`web/`),
submitting what was approved (`scores.py`).
"""

import json
from collections.abc import Sequence
from typing import Any

from dashboard.core.boards import Boards, restless
from dashboard.core.calendars import kept_until_ms, period_of
from dashboard.core.decay import moment_ms, worth
from dashboard.core.periods import rfc3339
from dashboard.core.runs import number, rules
from dashboard.core.scores import Scores
from dashboard.core.shards import outer_position, shard_of
from dashboard.errors import BoardConflict, BoardNotFound, NotInReview, PlayerNotFound, ScorecastError
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.scripts import Scripts, answering, sharing
from dashboard.store.stream import ID
from dashboard.values import Board, Result, Score

ATTEMPTS = 20


class Removals:
    """What operators do to players and their scores."""

    def __init__(self, client: Client, scripts: Scripts, boards: Boards, scores: Scores) -> None:
        self._client = client
        self._scripts = scripts
        self._boards = boards
        self._scores = scores

    def remove(self, board: str, player: str, *, reason: str, by: str, hide: bool = False) -> str:
        """Take a player off all periods of a board, noted in its audit stream. Returns the event's id.

        `hide`: scores that come later count where nobody sees them; else the player may come back. Raises BoardNotFound,
        PlayerNotFound. Two round trips.
        """
        outer, board = self._boards.get(board), self._boards.home(board, player)
        for _ in range(ATTEMPTS):
            known, ids = self._picture(board)
            rankings = (key for id in ids for key in keys.standings(board, id, known.settings.key))
            names = [*self._names(board), *rankings, keys.unarchived(board)]
            how = "hidden" if hide else "removed"
            with sharing(known.settings.key):
                reply = self._scripts.write("remove_player", names, [*self._head(known), player, reason, by, how, *ids])
            if reply[0] == b"ok":
                return _position(outer, player, reply[2])
            if reply[0] == b"absent":
                raise PlayerNotFound(f"There is no player {player!r} on the board {outer.name!r}.")
            self._boards.forget(board)
        raise restless(board)

    def restore(self, board: str, player: str, *, reason: str, by: str) -> str:
        """Put a removed or hidden player back where they stood; what came since counts too, by the board's rule. Returns
        the event's id. Raises BoardNotFound, PlayerNotFound. Three round trips.
        """
        outer, board = self._boards.get(board), self._boards.home(board, player)
        for _ in range(ATTEMPTS):
            known, _ = self._picture(board)
            with answering():
                record = self._client.hget(keys.aside(board), player)
                seconds, _ = self._client.time()
            if record is None:
                raise PlayerNotFound(f"Nobody removed or hid {player!r} on the board {outer.name!r}.")
            args: list[Any] = [*self._head(known), player, reason, by, record]
            names = self._names(board)
            for id in json.loads(record)["held"]:
                over_ms = kept_until_ms(known.settings, period_of(known, id))
                if over_ms is not None and over_ms <= 1000 * seconds:
                    continue
                names += keys.standings(board, id, known.settings.key)
                args.append(id)
            names.append(keys.unarchived(board))
            with sharing(known.settings.key):
                reply = self._scripts.write("restore_player", names, args)
            if reply[0] == b"ok":
                return _position(outer, player, reply[2])
            self._boards.forget(board)
        raise restless(board)

    def aside(self, board: str) -> list[dict[str, Any]]:
        """Who is removed or hidden: `[{"player", "how", "reason", "by", "held": {period: score}}]` by name. Two round trips."""
        known, _ = self._picture(board)
        with answering(), self._client.pipeline(transaction=False) as pipe:
            for name in self._boards.homes(board):
                pipe.hgetall(keys.aside(name))
            pipe.time()
            *homes, (seconds, _) = pipe.execute()
        found = {player.decode(): json.loads(record) for records in homes for player, record in records.items()}
        return [
            {"player": player, "how": record["how"], "reason": record["reason"], "by": record["by"]}
            | {
                "held": {
                    id: _worth(known, id, run["score"], 1000 * seconds) for id, run in dict(record["held"]).items()
                }
            }
            for player, record in sorted(found.items())
        ]

    def audit(self, board: str, limit: int = 100) -> list[dict[str, Any]]:
        """The last removals and restorations, newest first: `[{"id", "at", "what", "player", "reason", "by", "held"}]`."""
        known, _ = self._picture(board)
        with answering():
            homes = [self._client.xrevrange(keys.audit(name), count=limit) for name in self._boards.homes(board)]
        found = [(id.decode(), {k.decode(): v.decode() for k, v in raw.items()}) for home in homes for id, raw in home]
        found.sort(key=lambda entry: tuple(map(int, entry[0].split("-"))), reverse=True)
        return [_noted(known, id, fields) for id, fields in found[:limit]]

    def waiting(self, board: str, limit: int = 100) -> list[dict[str, Any]]:
        """Scores that wait for review, oldest first: `[{"id", "player", "score", "at", "why", "columns"?, "data"?}]`."""
        known, _ = self._picture(board)
        with answering():
            found = self._client.xrange(keys.review(board), count=limit)
        return [_waiting(known, id.decode(), {k.decode(): v.decode() for k, v in raw.items()}) for id, raw in found]

    def decide(self, board: str, id: str, *, approve: bool, by: str) -> Result | None:
        """Let a waiting score count, or drop it; either is noted in the audit stream. What an approved one did, or None.

        Raises NotInReview, and what `Scores.submit` does. Two round trips and one more.
        """
        known, _ = self._picture(board)
        with answering():
            found = self._client.xrange(keys.review(board), id, id) if ID.fullmatch(id) else []
            if not found or (not approve and not self._client.xdel(keys.review(board), id)):
                raise NotInReview(f"No score {id[:40]!r} waits for review on the board {board!r}.")
        entry = {k.decode(): v.decode() for k, v in found[0][1].items()}
        result: Result | None = None
        if approve:
            more = json.loads(entry["more"] or "{}")
            names = [column.name for column in known.settings.columns]
            columns = dict(zip(names, more.get("columns", ()), strict=False))
            score = Score(
                entry["player"], int(entry["score"]), int(entry["at"]), columns, data=more.get("data"), approved=id
            )
            done = self._scores.submit(board, [score])[0]
            if isinstance(done, ScorecastError):
                raise done
            result = done
        note = {"approved" if approve else "rejected": entry["player"], "reason": entry["why"], "by": by}
        with answering():
            self._client.xadd(keys.audit(board), {**note, "held": json.dumps(["score", entry["score"]])}, maxlen=10_000)
        return result

    def _picture(self, board: str) -> tuple[Board, list[str]]:
        """The board and the ids of its periods, as of one revision. Raises BoardNotFound, BoardConflict (a merged one)."""
        for _ in range(ATTEMPTS):
            revision, ids = self._boards.rankings(board)
            if not revision:
                raise BoardNotFound(f"There is no board {board!r}.")
            known = self._boards.get(board)
            if known.settings.merge is not None:
                raise BoardConflict(f"The board {board!r} is merged of others: see to their players there.")
            if self._boards.is_current(known, revision.encode()):
                return known, ids
        raise restless(board)

    @staticmethod
    def _names(board: str) -> list[str]:
        return [keys.board(board), keys.events(board), keys.audit(board), keys.periods(board), keys.aside(board)]

    @staticmethod
    def _head(board: Board) -> list[str]:
        return [board.revision, keys.CHANGED, board.name, rules(board.settings)]


def _position(board: Board, player: str, id: bytes) -> str:
    """The id of a player's event, as answers have it."""
    shards = board.settings.shards
    return id.decode() if shards is None else outer_position(id.decode(), shard_of(player, shards), shards)


def _noted(board: Board, id: str, fields: dict[str, str]) -> dict[str, Any]:
    what = next(name for name in fields if name not in ("reason", "by", "held"))
    flat: Sequence[str] = json.loads(fields.get("held", "[]")) or ()
    at_ms = int(id.partition("-")[0])
    noted = {"id": id, "at": rfc3339(at_ms), "what": what, "player": fields[what]}
    noted |= {"reason": fields["reason"], "by": fields["by"]}
    return noted | {
        "held": {id: _worth(board, id, score, at_ms) for id, score in zip(flat[::2], flat[1::2], strict=True)}
    }


def _worth(board: Board, period: str, score: str, at_ms: int) -> int:
    """What was held in a period, at a moment; `score` for what was posted."""
    held = number(score)
    return held if period == "score" else worth(board.settings, held, moment_ms(board, period, at_ms))


def _waiting(board: Board, id: str, fields: dict[str, str]) -> dict[str, Any]:
    more = json.loads(fields["more"] or "{}")
    row = {"id": id, "player": fields["player"], "score": int(fields["score"])}
    row |= {"at": rfc3339(int(fields["at"])), "why": fields["why"]}
    if "columns" in more:
        row["columns"] = dict(zip((c.name for c in board.settings.columns), more["columns"], strict=False))
    return row | ({"data": json.loads(more["data"])} if "data" in more else {})
