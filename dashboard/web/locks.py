"""Locks over HTTP: for game servers and jobs that share this store's locks."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from dashboard.store.lock import Locks
from dashboard.web import models
from dashboard.web.bodies import read_json
from dashboard.web.guards import Guard
from dashboard.web.limits import Door


def make_locks(locks: Locks, guard: Guard, door: Door) -> Blueprint:
    """The blueprint under /api/v1/locks."""
    blueprint = Blueprint("locks", __name__, url_prefix="/api/v1/locks")

    @blueprint.before_request
    def check() -> None:
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            guard.may_write(guard.key())
            door.take("lock")

    @blueprint.get("")
    def list_held() -> ResponseReturnValue:
        return jsonify({"locks": locks.held()})

    @blueprint.post("/<name>")
    def acquire(name: str) -> ResponseReturnValue:
        wanted = models.validate(models.LockIn, read_json(request))
        owner = f"http:{request.remote_addr}"
        grant = locks.acquire(models.clean_name(name), ttl_ms=wanted.ttl_ms, wait_ms=wanted.wait_ms, owner=owner)
        return jsonify({"token": grant.token, "fence": grant.fence, "ttl_ms": grant.ttl_ms}), 201

    @blueprint.patch("/<name>")
    def renew(name: str) -> ResponseReturnValue:
        given = models.validate(models.RenewIn, read_json(request))
        return jsonify({"ttl_ms": locks.renew(models.clean_name(name), given.token, ttl_ms=given.ttl_ms)})

    @blueprint.delete("/<name>")
    def release(name: str) -> ResponseReturnValue:
        locks.release(models.clean_name(name), models.validate(models.TokenIn, read_json(request)).token)
        return "", 204

    return blueprint
