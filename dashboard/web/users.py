"""Users over HTTP: read through the cache, and say so in `Cache-Status` (RFC 9211) and `Age` (RFC 9111)."""

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from dashboard.core.users import Users, clean_user_id
from dashboard.errors import UserNotFound
from dashboard.values import Fetched
from dashboard.web import models
from dashboard.web.bodies import read_json
from dashboard.web.guards import Guard
from dashboard.web.limits import Door

CACHE = "Scorecast"


def make_users(users: Users, guard: Guard, door: Door) -> Blueprint:
    """The blueprint of `/user/{id}` and `/api/v1/users/{id}`."""
    blueprint = Blueprint("users", __name__)
    door.watch(blueprint, "user", ("GET", "HEAD"))

    @blueprint.get("/user/<id>")
    @blueprint.get("/api/v1/users/<id>")
    def get_user(id: str) -> ResponseReturnValue:
        user = users.get(clean_user_id(id))
        g.cache_headers = {"Cache-Status": cache_status(user.fetched), "Age": str(int(user.fetched.age_s))}
        if user.data is None:
            raise UserNotFound(f"There is no user {id}.")
        return jsonify({"source": user.source, "data": user.data})

    @blueprint.put("/api/v1/users/<id>")
    def put_user(id: str) -> ResponseReturnValue:
        guard.may_write(guard.key())
        profile = models.validate(models.UserIn, read_json(request)).value()
        data, new = users.put(clean_user_id(id), profile)
        return jsonify({"data": data}), 201 if new else 200

    @blueprint.delete("/api/v1/users/<id>")
    def delete_user(id: str) -> ResponseReturnValue:
        guard.may_write(guard.key())
        users.delete(clean_user_id(id))
        return "", 204

    @blueprint.after_request
    def write_headers(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-cache"  # whoever keeps it asks again: a write is seen at once
        response.headers.update(g.get("cache_headers", {}))
        if response.status_code == 405:
            response.headers["Allow"] = "GET, HEAD, OPTIONS"
        return response

    return blueprint


def cache_status(fetched: Fetched) -> str:
    """The value of Cache-Status: RFC 9211, section 2."""
    ttl = "" if fetched.fresh_s is None else f"; ttl={int(fetched.fresh_s)}"
    return (
        CACHE
        + {
            "hit": f"; hit{ttl}",
            "stale": f"; hit{ttl}; detail=refreshing",
            "spare": f"; hit{ttl}; detail=source-unavailable",
            "miss": "; fwd=uri-miss" + ("; stored" + ttl if ttl else ""),
            "collapsed": "; fwd=uri-miss; collapsed",
            "bypass": "; fwd=bypass; detail=redis-unavailable",
        }[fetched.status]
    )
