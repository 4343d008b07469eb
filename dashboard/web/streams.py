"""Streams over HTTP: what is in them, who works on them, and putting dead letters back."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from dashboard.core.streams import Streams
from dashboard.web import models, queries
from dashboard.web.guards import Guard


def make_streams(streams: Streams, guard: Guard) -> Blueprint:
    """The blueprint under /api/v1/streams."""
    blueprint = Blueprint("streams", __name__, url_prefix="/api/v1/streams")

    @blueprint.before_request
    def check() -> None:
        if request.method == "POST":
            guard.may_operate(guard.key())

    @blueprint.get("")
    def list_streams() -> ResponseReturnValue:
        limit = models.validate(queries.ListQuery, request.args.to_dict(), "query").limit
        return jsonify({"streams": streams.list(limit)})

    @blueprint.get("/<stream>")
    def get_stream(stream: str) -> ResponseReturnValue:
        limit = models.validate(queries.ListQuery, request.args.to_dict(), "query").limit
        return jsonify(streams.show(stream, limit))

    @blueprint.post("/<stream>/dead/<id>/retry")
    def retry(stream: str, id: str) -> ResponseReturnValue:
        return jsonify({"stream": stream, "id": streams.retry(stream, id)}), 202

    return blueprint
