"""Signing in and out over HTTP, preferences, and the list of sessions with their revocation."""

from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from dashboard.core.periods import rfc3339
from dashboard.core.sessions import Sessions, preferences
from dashboard.errors import InvalidInput
from dashboard.store.session_store import Stored
from dashboard.web import models
from dashboard.web.bodies import read_json
from dashboard.web.guards import Guard, key_of
from dashboard.web.limits import Door
from dashboard.web.session_interface import check_origin, current


def make_sessions(sessions: Sessions, guard: Guard, door: Door) -> Blueprint:
    """The blueprint of /api/v1/session and /api/v1/sessions."""
    blueprint = Blueprint("sessions", __name__, url_prefix="/api/v1")

    @blueprint.before_request
    def check() -> None:
        if not guard.is_operator(key_of(request.headers)):  # who sends a key is no browser that was tricked
            check_origin(request)
        if request.endpoint == "sessions.sign_in":
            door.take("login")

    @blueprint.after_request
    def private(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        response.headers["Vary"] = "Cookie"
        return response

    @blueprint.post("/session")
    def sign_in() -> ResponseReturnValue:
        given = models.validate(models.SignInIn, read_json(request))
        if given.operator_key is not None:
            guard.check_operator(given.operator_key)
        mine = current()
        agent = request.headers.get("User-Agent", "")
        mine.sign_in(
            given.name, operator=given.operator_key is not None, address=request.remote_addr or "", agent=agent
        )
        return jsonify(_own(mine.signed_in)), 201

    @blueprint.get("/session")
    def show() -> ResponseReturnValue:
        return jsonify(_own(current().signed_in))

    @blueprint.patch("/session")
    def prefer() -> ResponseReturnValue:
        mine = current()
        stored = mine.signed_in
        wished = models.validate(models.PreferencesIn, read_json(request)).model_dump(exclude_unset=True)
        for name, value in wished.items():
            if value is None:
                mine.pop(name, None)
            else:
                mine[name] = value
        mine.save()
        return jsonify(_own(stored) | {"preferences": preferences(mine)})

    @blueprint.delete("/session")
    def sign_out() -> ResponseReturnValue:
        current().sign_out()
        return "", 204

    @blueprint.get("/sessions")
    def show_all() -> ResponseReturnValue:
        owner = _whose()
        mine = current().stored
        found = sessions.all() if owner is None else sessions.of(owner)
        return jsonify({"sessions": [_listed(stored, mine) for stored in found]})

    @blueprint.delete("/sessions")
    def end_all() -> ResponseReturnValue:
        everybody = request.args.get("all") == "true"
        owner, mine = _whose(), current().stored
        if everybody and owner is not None:
            raise InvalidInput("Only an operator may end everybody's sessions.", ("/all", "not for you"))
        if mine is None and not everybody:
            raise InvalidInput("A key has no sessions of its own: ?all=true ends everybody's.", ("/all", "is missing"))
        if mine is not None and not everybody:
            owner = mine.owner
        ended = sessions.end_all(owner)
        if mine is not None:
            current().drop()
        return jsonify({"ended": ended})

    @blueprint.delete("/sessions/<handle>")
    def end_one(handle: str) -> ResponseReturnValue:
        owner, mine = _whose(), current().stored
        sessions.end_one(handle, owner)
        if mine is not None and mine.handle == handle:
            current().drop()
        return "", 204

    def _whose() -> str | None:
        """The owner whose sessions are the caller's business; None: everybody's. Raises SignedOut, StoreUnavailable."""
        if guard.is_operator(key_of(request.headers)):
            return None
        mine = current().signed_in
        return None if mine.role == "operator" else mine.owner

    return blueprint


def _own(stored: Stored) -> dict[str, Any]:
    return {
        "name": stored.values["name"],
        "operator": stored.role == "operator",
        "handle": stored.handle,
        "since": rfc3339(stored.since_ms),
        "preferences": preferences(stored.values),
    }


def _listed(stored: Stored, mine: Stored | None) -> dict[str, Any]:
    return {
        "handle": stored.handle,
        "name": stored.values["name"],
        "operator": stored.role == "operator",
        "since": rfc3339(stored.since_ms),
        "last_seen": rfc3339(stored.seen_ms),
        "address": stored.values["address"],
        "agent": stored.values["agent"],
        "current": mine is not None and mine.handle == stored.handle,
    }
