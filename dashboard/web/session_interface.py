"""Flask's `session` on our sessions: read at its first use, written field by field, found by a cookie.

Owns: the cookie, what was changed in a request, whether a request by cookie may write. Leaves to others: storage and rules
(`core/sessions.py`), the calls (`sessions.py`). Nobody gets a cookie but by signing in.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, cast

from flask import Flask, Request, Response, json, request, session
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.sansio.http import parse_cookie

from dashboard.core.sessions import Sessions
from dashboard.errors import Forbidden, ScorecastError, SignedOut, StoreUnavailable
from dashboard.store.session_store import Stored, dumps
from dashboard.web.problems import MEDIA_TYPE, problem

COOKIE = "scorecast"
WRITES = ("POST", "PUT", "PATCH", "DELETE")


class Session(SessionMixin):
    """One request's session, a mapping of JSON values. Reads Redis at its first use and never without a cookie."""

    def __init__(self, sessions: Sessions, secret: str | None) -> None:
        self._sessions = sessions
        self._secret = secret
        self._stored: Stored | None = None
        self._asked = secret is None
        self._values: dict[str, Any] = {}
        self._changed: set[str] = set()
        self.secret_to_send: str | None = None
        self.forget = False

    @property
    def stored(self) -> Stored | None:
        """None when nobody is signed in. Raises StoreUnavailable. One round trip at the first use of a request."""
        if not self._asked and self._secret is not None:
            with suppress(SignedOut):  # the cookie stays: by now the browser may have another one, of a new sign-in
                self._take(self._sessions.find(self._sessions.handle(self._secret)))
            self._asked = True
        return self._stored

    @property
    def signed_in(self) -> Stored:
        """Raises SignedOut, StoreUnavailable."""
        if self.stored is None:
            raise SignedOut("You are not signed in, or no longer: sign in with POST /api/v1/session.")
        return self.stored

    def sign_in(self, name: str, *, operator: bool, address: str, agent: str) -> None:
        """Become `name` under a new id, whatever id came. Raises StoreUnavailable."""
        secret, stored = self._sessions.sign_in(
            name, operator=operator, address=address, agent=agent, instead_of=self.stored
        )
        self._asked, self.secret_to_send, self.forget = True, secret, False
        self._take(stored)

    def resume(self, secret: str) -> None:
        """Send the cookie of a session once more, unless that has ended. Raises StoreUnavailable. One round trip."""
        self._secret, self._asked = secret, False
        if self.stored is not None:
            self.secret_to_send = secret

    def sign_out(self) -> None:
        """Raises SignedOut, StoreUnavailable."""
        self._sessions.end(self.signed_in)
        self.drop()

    def drop(self) -> None:
        """Nobody is signed in any more."""
        self._stored, self._values, self._changed, self.forget = None, {}, set(), True

    def save(self) -> None:
        """Write what was changed, and that the session was used, where that is due. Raises SignedOut, StoreUnavailable."""
        stored = self._stored
        if stored is None or not (self._changed or self._sessions.is_due(stored)):
            return
        changed, self._changed = self._changed, set()
        there = {name: self._values[name] for name in changed if name in self._values}
        self._sessions.change(stored, there, changed - there.keys())

    @property
    def is_changed(self) -> bool:
        return bool(self._changed)

    def _take(self, stored: Stored) -> None:
        self._stored, self._values, self._changed = stored, dict(stored.values), set()

    def __getitem__(self, name: str) -> Any:
        if self.stored is None:
            raise KeyError(name)
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        dumps(value)  # not JSON: an error here, where it is made
        if name not in self.signed_in.values or self._values.get(name) != value:
            self._values[name] = value
            self._changed.add(name)

    def __delitem__(self, name: str) -> None:
        if self.stored is None:
            raise KeyError(name)
        del self._values[name]
        self._changed.add(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values if self.stored else {})

    def __len__(self) -> int:
        return len(self._values if self.stored else {})


class RedisSessions(SessionInterface):
    """`app.session_interface`. `plain` says that the server listens on loopback, where plain HTTP is no risk."""

    def __init__(self, sessions: Sessions, *, plain: bool) -> None:
        self._sessions = sessions
        self._plain = plain

    def open_session(self, app: Flask, request: Request) -> Session:
        return Session(self._sessions, request.cookies.get(self._cookie(request.environ)))

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write what the view left to write, and the cookie where it changed. A use that cannot be noted is not an error."""
        assert isinstance(session, Session)
        changed = session.is_changed
        try:
            session.save()
        except (StoreUnavailable, SignedOut) as error:
            if changed:
                _answer(response, error)
        secure = self._is_secure(request.environ)
        options: dict[str, Any] = {"secure": secure, "httponly": True, "samesite": "Lax", "path": "/"}
        name = self._cookie(request.environ)
        if session.secret_to_send and session.stored:
            life_s = (session.stored.ends_ms - session.stored.since_ms) // 1000
            response.set_cookie(name, session.secret_to_send, max_age=life_s, **options)
        elif session.forget:
            response.delete_cookie(name, **options)

    def handle_in(self, environ: Mapping[str, Any]) -> str | None:
        """The handle of the session whose cookie came with a connection; it may have ended. No round trip."""
        cookies = parse_cookie(environ.get("HTTP_COOKIE", ""))  # as over HTTP, whatever else stands there
        secret = cookies.get(self._cookie(environ))
        return None if secret is None else self._sessions.handle(secret)

    def _cookie(self, environ: Mapping[str, Any]) -> str:
        return f"__Host-{COOKIE}" if self._is_secure(environ) else COOKIE

    def _is_secure(self, environ: Mapping[str, Any]) -> bool:
        forwarded = environ.get("HTTP_X_FORWARDED_PROTO", "").split(",")[0].strip()
        return not self._plain or "https" in (forwarded, environ.get("wsgi.url_scheme"))


def current() -> Session:
    """The session of this request; empty where nobody is signed in."""
    return cast(Session, session._get_current_object())  # type: ignore[attr-defined]


def check_origin(request: Request) -> None:
    """That a write by cookie was meant: a foreign page sends its own Origin, and can send JSON only if we let it.

    Raises Forbidden.
    """
    if request.method not in WRITES:
        return
    origin = request.headers.get("Origin")
    host = request.headers.get("X-Forwarded-Host", request.host).split(",")[0].strip()
    if origin is not None and origin.partition("://")[2] != host:
        raise Forbidden("This came from a page of another origin, which may not use your session.")
    if origin is None and request.mimetype != "application/json":
        raise Forbidden("With a cookie, send an Origin header of this server, or Content-Type: application/json.")


def _answer(response: Response, error: ScorecastError) -> None:
    document = problem(error)
    response.set_data(json.dumps(document))
    response.status_code, response.content_type = document["status"], MEDIA_TYPE
