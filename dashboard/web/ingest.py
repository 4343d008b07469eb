"""`POST /boards/{board}/scores` as plain values, so that both lanes decide alike: Flask's view, and the hot lane.

Owns: what is checked, and in which order; what the hot lane leaves to Flask. Leaves to others: bytes (`wire/http_lane.py`,
to which this is the desk), bodies and answers (`submit.py`), writing (`core/`).

The hot lane answers what is written in one round trip. What is refused before that, sent with an Idempotency-Key, or
counted by a rate limit goes to Flask's view, which asks the same functions.
"""

import re
from typing import NamedTuple

from werkzeug.datastructures import Headers
from werkzeug.http import HTTP_STATUS_CODES

from dashboard.core.intake import Intake, Results
from dashboard.core.scores import Scores
from dashboard.errors import ScorecastError
from dashboard.web.bodies import check_media, media_type, parse
from dashboard.web.guards import Guard, key_of
from dashboard.web.limits import Door
from dashboard.web.models import clean_name
from dashboard.web.problems import answer
from dashboard.web.retries import HEADER, Retries
from dashboard.web.submit import Items, encode, good_of, merge, read_scores, write
from dashboard.wire.requests import Answer, Done, Head

PATH = re.compile(r"/api/v1/boards/([A-Za-z0-9:_.-]+)/scores")
JSON: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


class Admitted(NamedTuple):
    """A request whose head is in order."""

    board: str
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
        return Admitted(name, self._guard.operates(key))

    def post(self, admitted: Admitted, body: bytes) -> bytes:
        """In a request of Flask's: the answer's body. Raises what there is to refuse. One round trip, one more with limits."""
        if self._door.counts_scores:
            self._door.scores(parse(body))
        is_batch, items = read_scores(body)
        once = self._retries.once()
        done = write(self._scores, admitted.board, items, as_operator=admitted.as_operator, once=once)
        return encode(is_batch, done)


class HotDesk:
    """Answers for the hot lane. Of the hub: nothing blocks, nothing is raised."""

    def __init__(self, ingest: Ingest, intake: Intake, door: Door) -> None:
        self._ingest = ingest
        self._intake = intake
        self._counted = door.counts_scores
        self.answered = 0

    def admit(self, head: Head) -> Admitted | None:
        """None where Flask's view is to see it."""
        path = PATH.fullmatch(head.path)
        if path is None or self._counted or HEADER.lower() in head.headers:
            return None
        headers = Headers(list(head.headers.items()))
        try:
            return self._ingest.admit(path[1], key_of(headers), media_type(headers.get("Content-Type", "")))
        except ScorecastError:
            return None

    def take(self, admitted: Admitted, body: bytes, done: Done) -> bool:
        """See `wire/http_lane.py`."""
        try:
            is_batch, items = read_scores(body)
            good = good_of(items) if is_batch else items
        except Exception:  # Flask's view finds it too, and says so
            return False

        def written(results: Results | Exception | None) -> None:
            self.answered += 1
            done(None if results is None else _answered(is_batch, items, results))

        return bool(good) and self._intake.add(admitted.board, good, written, as_operator=admitted.as_operator)  # type: ignore[arg-type]


def _answered(is_batch: bool, items: Items, results: Results | Exception) -> Answer:
    try:
        if isinstance(results, Exception):
            raise results
        body = encode(is_batch, merge(items, results) if is_batch else results)
    except Exception as error:
        status, headers, body = answer(error)
        return Answer(f"{status} {HTTP_STATUS_CODES[status].upper()}", headers, body)
    return Answer("200 OK", JSON, body)
