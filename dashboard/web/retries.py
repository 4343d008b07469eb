"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a POST that is sent again is answered again.

Owns: the header, what makes two requests the same one, keeping and replaying answers. Leaves to others: claims
(`store/claims.py`); EXACT calls remember in the script that does what they ask for, and take their `Once` from here.

Every other POST is wrapped here, also one that is added later. It runs after the checks of its blueprint, so that nobody
gets an answer without the right to it. Only success is kept: after a refusal the key is free, and the request is judged
anew.
"""

import hashlib
import json
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from flask import Flask, Response, g, request

from dashboard.errors import MalformedInput, StoreUnavailable
from dashboard.store.claims import Claims
from dashboard.store.once import Once
from dashboard.web.guards import key_of
from dashboard.web.limits import Door
from dashboard.web.session_interface import current

log = logging.getLogger(__name__)

HEADER, REPLAY = "Idempotency-Key", "Idempotent-Replay"
LONGEST = 255
EXACT = ("api.post_scores", "payments.post_payment")
READING = ("api.standings",)
KEPT = ("Content-Type", "Location")

View = Callable[..., Any]


class Retries:
    """Requests that come again. `pepper` goes into what seals a session's id."""

    def __init__(self, claims: Claims, door: Door, pepper: str | None = None) -> None:
        self._claims = claims
        self._door = door
        self._pepper = pepper or ""

    def guard(self, app: Flask) -> None:
        """Let every POST of an application that writes honour the header."""
        posts = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
        for endpoint in posts.difference(EXACT, READING):
            app.view_functions[endpoint] = partial(self._run, app, app.view_functions[endpoint])
        app.after_request(_say)

    def once(self) -> Once | None:
        """In a request: what it asks to happen once; None without the header. Raises MalformedInput.

        The same request is: the same caller (by key, else by address), address, key and bytes of the body.
        """
        key = request.headers.get(HEADER)
        if key is None or request.method != "POST":
            return None
        if not (1 <= len(key) <= LONGEST and key.isascii() and key.isprintable()):
            raise MalformedInput(f"{HEADER} has 1 to {LONGEST} printable ASCII characters, a UUID for example.")
        caller = self._door.caller(request.remote_addr, key_of(request.headers)).by_key
        once = g.once = Once(_digest(caller, request.path, key), _digest(request.get_data())[:32])
        return once

    def _run(self, app: Flask, view: View, /, **given: Any) -> Any:
        once = self.once()
        if once is None:
            return view(**given)
        claim = self._claims.take(once)
        if claim.answer is not None:
            once.replayed = True
            return self._replay(json.loads(claim.answer))
        try:
            response = app.make_response(view(**given))
        except Exception:
            with suppress(StoreUnavailable):  # then it ends by itself
                self._claims.drop(claim)
            raise
        try:
            self._claims.keep(claim, json.dumps(self._kept(response)))
        except StoreUnavailable as error:
            log.warning("an answer is not kept for %s: %s", HEADER, error)
        return response

    def _kept(self, response: Response) -> dict[str, Any]:
        kept: dict[str, Any] = {"status": response.status_code, "body": response.get_data(as_text=True)}
        kept["headers"] = {name: response.headers[name] for name in KEPT if name in response.headers}
        if secret := current().secret_to_send:
            nonce = secrets.token_hex(16)
            kept["cookie"] = nonce, self._sealed(secret.encode(), nonce).hex()
        return kept

    def _replay(self, kept: dict[str, Any]) -> Response:
        if "cookie" in kept:
            nonce, sealed = kept["cookie"]
            current().resume(self._sealed(bytes.fromhex(sealed), nonce).decode())
        return Response(kept["body"], kept["status"], kept["headers"])

    def _sealed(self, secret: bytes, nonce: str) -> bytes:
        """A session's secret id as Redis may hold it, and back: only with this very request can it be read."""
        known = _joined(self._pepper, nonce, request.headers[HEADER], request.get_data())
        pad = hashlib.shake_256(known).digest(len(secret))
        return bytes(a ^ b for a, b in zip(secret, pad, strict=True))


def _say(response: Response) -> Response:
    once: Once | None = g.get("once")
    if once is not None and once.replayed:
        response.headers[REPLAY] = "true"
    return response


def _digest(*parts: str | bytes) -> str:
    return hashlib.sha256(_joined(*parts)).hexdigest()


def _joined(*parts: str | bytes) -> bytes:
    """The parts as bytes, each after its length, so that no two lists are joined alike."""
    raw = [part.encode(errors="surrogatepass") if isinstance(part, str) else part for part in parts]
    return b"".join(b"%d:%s" % (len(part), part) for part in raw)
