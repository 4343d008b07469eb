"""Who may do what: keys of game clients and of operators.

Owns: reading and comparing keys; a signed-in operator counts as one who sent the key. Leaves to others: where a key is
asked for (`api.py`, `sockets.py`).
"""

import hmac
from collections.abc import Mapping

from flask import request
from werkzeug.datastructures import Headers

from dashboard.errors import Forbidden, Unauthorized
from dashboard.web.session_interface import check_origin, current


class Guard:
    """With no keys configured every caller may write: the server then listens on loopback only (see `config.py`)."""

    def __init__(self, api_keys: tuple[str, ...], operator_key: str | None) -> None:
        self._keys = tuple(key.encode() for key in api_keys)
        self._operator = operator_key.encode() if operator_key else None

    def may_write(self, key: str | None) -> None:
        """Raises Unauthorized. The comparison takes as long for a wrong key as for a right one."""
        if not self.writes(key):
            raise Unauthorized("Writing needs a key: send one of API_KEYS as X-API-Key, or as Authorization: Bearer.")

    def writes(self, key: str | None) -> bool:
        """Whether who has this key may write."""
        return not self._keys or self._is_one_of(key, self._keys) or self._is_operator(key)

    def may_operate(self, key: str | None) -> None:
        """Raises Unauthorized, or Forbidden where the server has keys but none for operators."""
        if self._operator is None and self._keys:
            raise Forbidden("Only an operator may do this, and this server has no OPERATOR_KEY: set one.")
        if self._operator is not None and not self._is_operator(key):
            raise Unauthorized("Only an operator may do this: send OPERATOR_KEY as X-API-Key.")

    def operates(self, key: str | None) -> bool:
        """Whether who has this key may do what only operators may."""
        return self._is_operator(key) if self._operator is not None else not self._keys

    def is_operator(self, key: str | None) -> bool:
        """Whether it is the operators' key; nobody's where there is none."""
        return self._is_operator(key)

    def check_operator(self, key: str) -> None:
        """Raises Unauthorized for a wrong key, Forbidden where there is none that would be right."""
        if self._operator is None:
            raise Forbidden("This server has no OPERATOR_KEY, so nobody signs in as operator: set one.")
        if not self._is_operator(key):
            raise Unauthorized("This is not the operators' key (OPERATOR_KEY).")

    def key(self) -> str | None:
        """In a request: the key that came with it, or else the operators' where an operator is signed in.

        Raises Forbidden where a cookie is all the request has and another page may have sent it, StoreUnavailable.
        One round trip where it counts who is signed in.
        """
        key = key_of(request.headers)
        if key is not None or self._operator is None:
            return key
        stored = current().stored
        if stored is None or stored.role != "operator":
            return None
        check_origin(request)
        return self._operator.decode()

    def accepts(self, key: str | None) -> bool:
        """Whether a key tells one caller from another: it is a known one, or no keys are configured."""
        if not self._keys:
            return bool(key)
        return self._is_one_of(key, self._keys) or self._is_operator(key)

    def _is_operator(self, key: str | None) -> bool:
        return self._operator is not None and self._is_one_of(key, (self._operator,))

    @staticmethod
    def _is_one_of(key: str | None, keys: tuple[bytes, ...]) -> bool:
        given = (key or "").encode(errors="replace")
        return sum(hmac.compare_digest(given, known) for known in keys) > 0  # all are compared


def key_of(headers: Headers | Mapping[str, str]) -> str | None:
    """The key that came with a request's headers, which WSGI hands over as if they were latin-1; keys are UTF-8."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    key = headers.get("X-API-Key") or (token.strip() if scheme.lower() == "bearer" else None)
    return key.encode("latin-1", "replace").decode(errors="replace") if key else None
