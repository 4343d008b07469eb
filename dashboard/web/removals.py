"""What operators do to players and their scores, over HTTP."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from dashboard.core.removals import Removals
from dashboard.core.scores import clean_player
from dashboard.web import models, queries
from dashboard.web.bodies import read_json
from dashboard.web.guards import Guard, key_of
from dashboard.web.session_interface import current


def make_removals(removals: Removals, guard: Guard) -> Blueprint:
    """The blueprint of removals, the audit stream and the review queue, under /api/v1/boards."""
    blueprint = Blueprint("removals", __name__, url_prefix="/api/v1/boards/<board>")

    @blueprint.before_request
    def check() -> None:
        guard.may_operate(guard.key())

    @blueprint.delete("/players/<player:player>")
    def remove(board: str, player: str) -> ResponseReturnValue:
        name, who = models.clean_name(board), clean_player(player)
        wanted = models.validate(models.RemovalIn, read_json(request))
        position = removals.remove(name, who, reason=wanted.reason, by=_who(), hide=wanted.hide)
        return jsonify({"player": who, "hidden" if wanted.hide else "removed": True, "position": position})

    @blueprint.post("/players/<player:player>/restore")
    def restore(board: str, player: str) -> ResponseReturnValue:
        name, who = models.clean_name(board), clean_player(player)
        reason = models.validate(models.ReasonIn, read_json(request)).reason
        return jsonify(
            {"player": who, "restored": True, "position": removals.restore(name, who, reason=reason, by=_who())}
        )

    @blueprint.get("/removed")
    def aside(board: str) -> ResponseReturnValue:
        return jsonify({"players": removals.aside(models.clean_name(board))})

    @blueprint.get("/audit")
    def audit(board: str) -> ResponseReturnValue:
        limit = models.validate(queries.ListQuery, request.args.to_dict(), "query").limit
        return jsonify({"entries": removals.audit(models.clean_name(board), limit)})

    @blueprint.get("/review")
    def waiting(board: str) -> ResponseReturnValue:
        limit = models.validate(queries.ListQuery, request.args.to_dict(), "query").limit
        return jsonify({"scores": removals.waiting(models.clean_name(board), limit)})

    @blueprint.post("/review/<id>")
    def decide(board: str, id: str) -> ResponseReturnValue:
        approve = models.validate(models.DecisionIn, read_json(request)).decision == "approve"
        result = removals.decide(models.clean_name(board), id, approve=approve, by=_who())
        return jsonify(
            {"id": id, "decision": "approved" if approve else "rejected"}
            | ({"result": result._asdict()} if result else {})
        )

    return blueprint


def _who() -> str:
    """Who does it, for the audit stream: the name of a signed-in operator; a key has none."""
    stored = None if key_of(request.headers) else current().stored
    return stored.owner if stored else "operator"
