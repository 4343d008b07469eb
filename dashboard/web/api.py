"""The HTTP API of boards and scores. Each function reads a request, calls `core/`, and writes the answer.

Owns: paths, methods, bodies. Leaves to others: validation (`models.py`), errors (`problems.py`), keys (`guards.py`).
"""

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from dashboard.core.analytics import Analytics, as_point
from dashboard.core.boards import Boards
from dashboard.core.periods import rfc3339
from dashboard.core.rankings import Rankings
from dashboard.core.rewind import Rewind
from dashboard.core.scores import clean_player
from dashboard.web import answers, board_models, models, queries
from dashboard.web.bodies import read_json
from dashboard.web.guards import Guard
from dashboard.web.ingest import Ingest
from dashboard.web.limits import Door


def make_api(
    boards: Boards,
    ingest: Ingest,
    rankings: Rankings,
    analytics: Analytics,
    rewind: Rewind,
    guard: Guard,
    door: Door,
) -> Blueprint:
    """The blueprint under /api/v1."""
    api = Blueprint("api", __name__, url_prefix="/api/v1")

    @api.before_request
    def check_key() -> None:
        if request.endpoint == "api.standings":
            door.take("read")  # a POST that reads
        elif request.method not in ("GET", "HEAD", "OPTIONS") and request.endpoint != "api.post_scores":  # asks itself
            guard.may_write(guard.key())

    @api.get("/boards")
    def list_boards() -> ResponseReturnValue:
        return jsonify({"boards": [answers.board(board) for board in boards.all()]})

    @api.get("/boards/<board>")
    def get_board(board: str) -> ResponseReturnValue:
        return jsonify(answers.board(boards.fresh(models.clean_name(board))))

    @api.put("/boards/<board>")
    def put_board(board: str) -> ResponseReturnValue:
        settings = models.validate(board_models.BoardIn, read_json(request)).value()
        stored, new = boards.put(models.clean_name(board), settings)
        return jsonify(answers.board(boards.with_players(stored))), 201 if new else 200

    @api.delete("/boards/<board>")
    def delete_board(board: str) -> ResponseReturnValue:
        boards.delete(models.clean_name(board))
        return "", 204

    @api.post("/boards/<board>/scores")
    def post_scores(board: str) -> ResponseReturnValue:
        admitted = ingest.admit(board, guard.key(), request.mimetype)
        return Response(ingest.post(admitted, request.get_data()), content_type="application/json")

    @api.get("/boards/<board>/top")
    def top(board: str) -> ResponseReturnValue:
        query = models.validate(queries.TopQuery, request.args.to_dict(), "query")
        name = models.clean_name(board)
        if query.as_of is not None:
            return jsonify(answers.moment(rewind.top(name, query.period, query.as_of), query.limit))
        page = rankings.top(name, query.period, limit=query.limit, cursor=query.cursor, at_ms=query.at)
        return jsonify(answers.page(page))

    @api.get("/boards/<board>/players/<player:player>/around")
    def around(board: str, player: str) -> ResponseReturnValue:
        query = models.validate(queries.AroundQuery, request.args.to_dict(), "query")
        name, who = models.clean_name(board), clean_player(player)
        return jsonify(answers.page(rankings.around(name, who, query.period, radius=query.radius, at_ms=query.at)))

    @api.get("/boards/<board>/players/<player:player>")
    def get_player(board: str, player: str) -> ResponseReturnValue:
        query = models.validate(queries.PeriodQuery, request.args.to_dict(), "query")
        name, who = models.clean_name(board), clean_player(player)
        place = rankings.player(name, who, query.period, at_ms=query.at)
        facts = {"players": place.players, "percentile": place.percentile, "version": place.version}
        return jsonify(answers.head(place) | place.row.as_dict() | facts)

    @api.get("/boards/<board>/rank")
    def rank(board: str) -> ResponseReturnValue:
        query = models.validate(queries.RankQuery, request.args.to_dict(), "query")
        name = models.clean_name(board)
        guess = rankings.rank_of(name, query.score, query.columns, query.period, at_ms=query.at)
        facts = {"rank": guess.rank, "score": query.score, "players": guess.players, "percentile": guess.percentile}
        return jsonify(answers.head(guess) | facts | {"version": guess.version})

    @api.get("/boards/<board>/percentile")
    def percentile(board: str) -> ResponseReturnValue:
        query = models.validate(queries.PercentileQuery, request.args.to_dict(), "query")
        found = rankings.at_percentile(models.clean_name(board), query.p, query.period, at_ms=query.at)
        row = found.row.as_dict() if found.row else {"score": None, "rank": None}
        facts = {name: row[name] for name in ("score", "columns", "rank") if name in row}
        return jsonify(
            answers.head(found) | {"p": query.p} | facts | {"players": found.players, "version": found.version}
        )

    @api.post("/boards/<board>/standings")
    def standings(board: str) -> ResponseReturnValue:
        query = models.validate(queries.PeriodQuery, request.args.to_dict(), "query")
        players = models.validate(models.StandingsIn, read_json(request)).players
        page = rankings.standings(models.clean_name(board), players, query.period, at_ms=query.at)
        return jsonify(answers.page(page) | {"missing": page.missing})

    @api.get("/boards/<board>/periods")
    def periods(board: str) -> ResponseReturnValue:
        query = models.validate(queries.PeriodsQuery, request.args.to_dict(), "query")
        found = rankings.periods(models.clean_name(board), query.kind)
        return jsonify({"periods": [answers.period(period) for period in found]})

    @api.get("/boards/<board>/moments")
    def moments(board: str) -> ResponseReturnValue:
        query = models.validate(queries.MomentsQuery, request.args.to_dict(), "query")
        spans = rewind.moments(models.clean_name(board), query.period)
        periods = [answers.period(span.period) | {"moments": [rfc3339(ms) for ms in span.moments]} for span in spans]
        return jsonify({"board": board, "period": query.period, "periods": periods})

    @api.get("/boards/<board>/history")
    def history(board: str) -> ResponseReturnValue:
        query = models.validate(queries.HistoryQuery, request.args.to_dict(), "query")
        points = analytics.history(
            models.clean_name(board), query.period, from_ms=query.since, to_ms=query.until, step_s=query.step
        )
        answer = {"board": board, "period": query.period, "step_s": query.step}
        return jsonify(answer | {"points": [as_point(point) for point in points]})

    return api
