"""`POST /boards/{board}/scores` as plain values, so that both lanes decide alike: Flask's view, and the hot lane.

Owns: what is checked, and in which order; what the hot lane leaves to Flask. Leaves to others: bytes (`wire/http_lane.py`,
to which this is the desk), bodies and answers (`submit.py`), writing (`core/`).

The hot lane answers what is written in one round trip, or in two with a limit for scores. What is refused before that or sent
with an Idempotency-Key goes to Flask's view, which asks the same functions.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from werkzeug.datastructures import Headers
from werkzeug.http import HTTP_STATUS_CODES

from dashboard.core.scores import Scores
from dashboard.errors import ScorecastError
from dashboard.values import RateDecision
from dashboard.web.bodies import check_media, media_type, parse
from dashboard.web.guards import Guard, key_of
from dashboard.web.hot_scores import HotScores
from dashboard.web.limits import Door
from dashboard.web.limits import headers as limit_headers
from dashboard.web.models import clean_name
from dashboard.web.problems import answer
from dashboard.web.retries import HEADER, Retries
from dashboard.web.submit import Outcome, encode, read_scores, write
from dashboard.wire.requests import Answer, Done, Head

PATH = re.compile(r"/api/v1/boards/([A-Za-z0-9:_.-]+)/scores")
JSON: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


class Admitted(NamedTuple):
    """A request whose head is in order."""

    board: str
    key: str | None
    as_operator: bool


class Ingest:
    """Scores over HTTP."""

    def __init__(self, scores: Scores, guard: Guard, door: Door, retries: Retries) -> None:
        self._scores = scores
        self._guard = guard
        self._door = door
        self._retries = retries

    def admit(self, board: str, key: str | None, media: str) -> Admitted:
        """Whether the head of a request is in order. Raises Unauthorized, InvalidInput, UnsupportedMedia."""
        self._guard.may_write(key)
        name = clean_name(board)
        check_media(media)
        return Admitted(name, key, self._guard.operates(key))

    def post(self, admitted: Admitted, body: bytes) -> bytes:
        """In a request of Flask's: the answer's body. Raises what there is to refuse. One round trip, one more with limits."""
        if self._door.counts("score"):
            self._door.scores(parse(body))
        is_batch, items = read_scores(body)
        once = self._retries.once()
        done = write(self._scores, admitted.board, items, as_operator=admitted.as_operator, once=once)
        return encode(is_batch, done)


class HotDesk:
    """Answers for the hot lane. Of the hub: nothing blocks, nothing is raised."""

    def __init__(self, ingest: Ingest, scores: HotScores, door: Door) -> None:
        self._ingest = ingest
        self._scores = scores
        self._door = door
        self._counted = door.counts("score")
        self.answered = 0

    def admit(self, head: Head) -> Admitted | None:
        """None where Flask's view is to see it."""
        path = PATH.fullmatch(head.path)
        if path is None or HEADER.lower() in head.headers:
            return None
        headers = Headers(list(head.headers.items()))
        try:
            return self._ingest.admit(path[1], key_of(headers), media_type(headers.get("Content-Type", "")))
        except ScorecastError:
            return None

    def take(self, admitted: Admitted, address: str, body: bytes, done: Done) -> bool:
        """See `wire/http_lane.py`."""
        try:
            is_batch, items = read_scores(body)
        except Exception:  # Flask's view finds it too, and says so
            return False

        def told(outcome: Outcome | Exception | None, decisions: Sequence[RateDecision] = ()) -> None:
            self.answered += outcome is not None
            done(None if outcome is None else _answered(is_batch, outcome, decisions))

        caller = self._door.caller(address, admitted.key) if self._counted else None
        return self._scores.submit(admitted.board, items, caller, told, as_operator=admitted.as_operator)


def _answered(is_batch: bool, outcome: Outcome | Exception, decisions: Sequence[RateDecision]) -> Answer:
    said = limit_headers(decisions)
    try:
        if isinstance(outcome, Exception):
            raise outcome
        body = encode(is_batch, outcome)
    except Exception as error:
        status, headers, body = answer(error)
        return Answer(f"{status} {HTTP_STATUS_CODES[status].upper()}", (*headers, *said), body)
    return Answer("200 OK", (*JSON, *said) if said else JSON, body)
