"""Two ways to post scores through the public API: HTTP and Socket.IO.

Owns: one connection each, and telling a server that is away from one that refuses. Leaves to others: what is posted, and
when to try again (`clients.py`).
"""

from typing import Any, Protocol
from urllib.parse import quote

import requests
import socketio

ANSWER_S = 5.0

Body = dict[str, Any]


class Away(Exception):
    """The server does not answer now; later it may."""


class Refused(Exception):
    """The server answered that it does not take this; trying again does not help."""


class Poster(Protocol):
    """One connection. All methods wait at most ANSWER_S."""

    def connect(self) -> None:
        """Raises Away."""

    def post(self, body: Body) -> Body:
        """Post a score or a batch, and return the answer. Raises Away, Refused."""

    def close(self) -> None:
        """Leave the server."""


class HttpPoster:
    """Posts over one HTTP connection, kept alive."""

    def __init__(self, url: str, board: str, key: str | None) -> None:
        self._alive = f"{url}/healthz"
        self._where = f"{url}/api/v1/boards/{quote(board)}/scores"
        self._session = requests.Session()
        if key:
            self._session.headers["X-API-Key"] = key

    def connect(self) -> None:
        try:
            self._session.get(self._alive, timeout=ANSWER_S).raise_for_status()
        except requests.RequestException as error:
            raise Away from error

    def post(self, body: Body) -> Body:
        try:
            answer = self._session.post(self._where, json=body, timeout=ANSWER_S)
            document = answer.json()
        except requests.RequestException as error:
            raise Away from error
        return document if answer.ok else _raise(document)

    def close(self) -> None:
        self._session.close()


class SocketPoster:
    """Posts over one Socket.IO connection; each score is acknowledged."""

    def __init__(self, url: str, board: str, key: str | None) -> None:
        self._url, self._board = url, board
        self._auth = {"key": key} if key else None
        self._client = socketio.Client(reconnection=False, handle_sigint=False)

    def connect(self) -> None:
        try:
            self._client.connect(self._url, auth=self._auth, wait_timeout=ANSWER_S)
        except (socketio.exceptions.ConnectionError, ValueError) as error:
            self._client.disconnect()
            raise Away from error

    def post(self, body: Body) -> Body:
        event = "scores" if "scores" in body else "score"
        try:
            answer = self._client.call(event, {"board": self._board, **body}, timeout=ANSWER_S)
        except (socketio.exceptions.SocketIOError, OSError) as error:
            self._client.disconnect()
            raise Away from error
        return _raise(answer["error"]) if "error" in answer else answer

    def close(self) -> None:
        self._client.disconnect()


def _raise(problem: Any) -> Body:
    detail = (
        str(problem.get("detail", problem)) if isinstance(problem, dict) else "an answer that is no problem document"
    )
    if isinstance(problem, dict) and (problem.get("temporary") or problem.get("status", 500) >= 500):
        raise Away(detail)
    raise Refused(detail)
