"""Seasons over HTTP: beginning the next one."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from dashboard.core.periods import rfc3339
from dashboard.core.seasons import Seasons
from dashboard.web import models
from dashboard.web.guards import Guard


def make_seasons(seasons: Seasons, guard: Guard) -> Blueprint:
    """The blueprint under /api/v1/boards."""
    blueprint = Blueprint("seasons", __name__, url_prefix="/api/v1/boards/<board>/seasons")

    @blueprint.post("")
    def roll_over(board: str) -> ResponseReturnValue:
        guard.may_operate(guard.key())
        number, since_ms = seasons.roll_over(models.clean_name(board))
        return jsonify({"season": number, "since": rfc3339(since_ms)}), 201

    return blueprint
