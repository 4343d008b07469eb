"""Publishing over HTTP, and the same for sockets."""

import json
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from dashboard.errors import InvalidInput
from dashboard.store.channel import publish
from dashboard.store.client import Client
from dashboard.store.keys import PREFIX
from dashboard.web import models
from dashboard.web.bodies import read_json
from dashboard.web.guards import Guard
from dashboard.web.limits import Door


def make_channels(client: Client, guard: Guard, door: Door) -> Blueprint:
    """The blueprint under /api/v1/channels."""
    blueprint = Blueprint("channels", __name__, url_prefix="/api/v1/channels")

    @blueprint.before_request
    def check() -> None:
        guard.may_write(guard.key())
        door.take("publish")

    @blueprint.post("/<channel>")
    def send(channel: str) -> ResponseReturnValue:
        message = models.validate(models.MessageIn, read_json(request)).message
        return jsonify(publish_message(client, channel, message)), 202

    return blueprint


def publish_message(client: Client, channel: object, message: Any) -> dict[str, int]:
    """A text goes out as it is, any other value as its JSON. `{"receivers"}` counts Redis' subscribers: one a process.

    Raises InvalidInput, StoreUnavailable. One round trip.
    """
    name = models.clean_name(channel)
    if name.startswith(PREFIX):
        raise InvalidInput(f"channels that begin with {PREFIX!r} are the server's own", ("/channel", "reserved"))
    text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    return {"receivers": publish(client, name, text)}
