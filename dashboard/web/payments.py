"""Payments over HTTP: queueing one, and asking what became of it."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from dashboard.core.payments import Payments, parse_payment
from dashboard.errors import InvalidInput
from dashboard.web.bodies import read_json
from dashboard.web.guards import Guard
from dashboard.web.limits import Door
from dashboard.web.retries import Retries


def make_payments(payments: Payments, guard: Guard, door: Door, retries: Retries) -> Blueprint:
    """The blueprint under /api/v1/payments."""
    blueprint = Blueprint("payments", __name__, url_prefix="/api/v1/payments")

    @blueprint.post("")
    def post_payment() -> ResponseReturnValue:
        guard.may_write(guard.key())
        door.take("payment")
        body = read_json(request)
        if not isinstance(body, dict):
            raise InvalidInput("A payment is an object with `user` and `amount`.", ("", "must be an object"))
        given = {name: value for name, value in body.items() if value is not None or name in ("user", "amount")}
        id = payments.submit(parse_payment(given), retries.once())
        return jsonify({"id": id, "status": "queued"}), 202, {"Location": f"{request.path}/{id}"}

    @blueprint.get("/<id>")
    def get_payment(id: str) -> ResponseReturnValue:
        return jsonify(payments.status(id))

    return blueprint
