"""Users of another service, asked at `USER_API_URL/{id}`.

Owns: one request and what counts as an answer to it. Leaves to others: caching, the breaker, what an id is.
The service is not trusted: no redirects, no cookies, no compression, a limit on time and on size, JSON objects only.
"""

import json
import queue
import threading
import time
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal, NoReturn

import requests
import urllib3

from dashboard.core.users import clean_user_id
from dashboard.errors import SourceUnavailable

CONNECT_S, SILENCE_S, BUDGET_S = 2.0, 2.0, 3.0
MAX_BYTES, MAX_DEPTH = 256 << 10, 32
ABSENT = (400, 404, 410, 422)  # also: not an id there
AGENT = "Scorecast"


class HttpUsers:
    """`url` is the address under which users lie, e.g. https://api.example/users."""

    name: Literal["api"] = "api"

    def __init__(self, url: str, *, budget_s: float = BUDGET_S) -> None:
        self._url = url.rstrip("/")
        self._budget_s = budget_s
        self._session = requests.Session()
        self._session.trust_env = False  # no .netrc, no proxy that nobody named
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers.update({"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": AGENT})

    def load(self, id: str) -> bytes | None:
        """The user as a JSON object, None where the service has none. Raises SourceUnavailable, at the latest after
        `budget_s`: a service that trickles its headers is left to a thread that ends when it does.
        """
        address = f"{self._url}/{clean_user_id(id)}"
        until = time.monotonic() + self._budget_s
        answers: queue.Queue[bytes | BaseException | None] = queue.Queue()

        def ask() -> None:
            try:
                answers.put(self._ask(address, until))
            except BaseException as error:
                answers.put(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=self._budget_s)
        except queue.Empty:
            raise SourceUnavailable("The user API took too long; try again shortly.") from None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _ask(self, address: str, until: float) -> bytes | None:
        try:
            with self._session.get(
                address, allow_redirects=False, stream=True, timeout=(CONNECT_S, SILENCE_S)
            ) as response:
                if response.status_code in ABSENT:
                    return None
                if response.status_code != 200:
                    _refuse(f"answered {response.status_code}, where 200 or 404 was expected")
                media = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                if media != "application/json" and not media.endswith("+json"):
                    _refuse(f"sent {media[:60] or 'an unnamed type'!r}, where application/json was expected")
                if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                    _refuse("sent a compressed body, which was not asked for")
                return _object(_body(response.raw, until))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise SourceUnavailable("The user API does not answer; try again shortly.") from error


def _body(raw: Any, until: float) -> bytes:
    """What comes, piece by piece as it comes, so that neither size nor time can run away."""
    body = bytearray()
    while piece := raw.read1(65536, decode_content=False):
        body += piece
        if len(body) > MAX_BYTES:
            _refuse(f"sent more than {MAX_BYTES} bytes")
        if time.monotonic() > until:
            _refuse("took too long to send its body")
    return bytes(body)


def _object(body: bytes) -> bytes:
    """The object, written anew. Refuses what is not strict JSON."""
    try:
        value = json.loads(body.decode(), parse_constant=_refuse_constant)
        text = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:  # also broken UTF-8, lone surrogates, 1e999
        raise SourceUnavailable("The user API sent a body that is not JSON.") from error
    if not isinstance(value, dict):
        _refuse("sent JSON that is not an object")
    if _depth(value) > MAX_DEPTH:
        _refuse(f"sent JSON nested more than {MAX_DEPTH} deep")
    return text


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        nested = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        level = [child for children in nested for child in children]
    return depth


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _refuse(what: str) -> NoReturn:
    raise SourceUnavailable(f"The user API {what}.")
