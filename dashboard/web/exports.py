"""A ranking as a file, over HTTP. Leaves to others: what stands in it (`core/exports.py`)."""

import logging
from collections.abc import Iterator

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from dashboard.core.exports import Export, Exports
from dashboard.errors import ScorecastError
from dashboard.web import models, queries

log = logging.getLogger(__name__)

TYPES = {"csv": "text/csv; charset=utf-8; header=present", "ndjson": "application/x-ndjson"}


def make_exports(exports: Exports) -> Blueprint:
    """The blueprint of `GET /api/v1/boards/{board}/export`."""
    blueprint = Blueprint("exports", __name__, url_prefix="/api/v1/boards/<board>")

    @blueprint.get("/export")
    def export(board: str) -> ResponseReturnValue:
        query = models.validate(queries.ExportQuery, request.args.to_dict(), "query")
        name = models.clean_name(board)
        found = exports.open(name, query.period, form=query.format, at_ms=query.at)
        answer = Response(_bytes(found), content_type=TYPES[query.format])
        file = f"{name}-{found.period}.{query.format}".replace(":", "-")
        answer.headers["Content-Disposition"] = f'attachment; filename="{file}"'
        return answer

    return blueprint


def _bytes(found: Export) -> Iterator[bytes]:
    """What is sent. Where the store or the board goes away in the middle, the connection is closed before the last chunk:
    clients see that, which an error document behind half a file would not let them.
    """
    try:
        for _, data in found.parts:
            yield data
    except ScorecastError as error:
        log.warning("an export ends early: %s", error)
        raise ConnectionAbortedError(error.detail) from error  # no mistake of ours: no traceback
