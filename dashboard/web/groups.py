"""Groups and cohorts over HTTP: who belongs where, and how groups and their members rank."""

from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from dashboard.core.groups import Groups, clean_group
from dashboard.core.scores import clean_player
from dashboard.values import Page
from dashboard.web import answers, models, queries
from dashboard.web.bodies import read_json
from dashboard.web.guards import Guard


def make_groups(groups: Groups, guard: Guard) -> Blueprint:
    """The blueprint of groups, under /api/v1/boards."""
    blueprint = Blueprint("groups", __name__, url_prefix="/api/v1/boards/<board>")

    @blueprint.get("/groups")
    def table(board: str) -> ResponseReturnValue:
        query = models.validate(queries.PageQuery, request.args.to_dict(), "query")
        name = models.clean_name(board)
        page = groups.table(name, query.period, limit=query.limit, cursor=query.cursor, at_ms=query.at)
        return jsonify(_table(page))

    @blueprint.get("/groups/<player:group>/top")
    def top(board: str, group: str) -> ResponseReturnValue:
        query = models.validate(queries.PageQuery, request.args.to_dict(), "query")
        name, which = models.clean_name(board), clean_group(group)
        page = groups.top(name, which, query.period, limit=query.limit, cursor=query.cursor, at_ms=query.at)
        return jsonify({"group": which} | answers.page(page))

    @blueprint.get("/players/<player:player>/group")
    def around(board: str, player: str) -> ResponseReturnValue:
        query = models.validate(queries.AroundQuery, request.args.to_dict(), "query")
        name, who = models.clean_name(board), clean_player(player)
        group, page = groups.around(name, who, query.period, radius=query.radius, at_ms=query.at)
        return jsonify({"player": who, "group": group} | answers.page(page))

    @blueprint.put("/players/<player:player>/group")
    def assign(board: str, player: str) -> ResponseReturnValue:
        key = guard.key()
        guard.may_write(key)
        name, who = models.clean_name(board), clean_player(player)
        group = models.validate(models.GroupIn, read_json(request)).group
        before = groups.assign(name, who, group, as_operator=guard.operates(key))
        return jsonify({"player": who, "group": group, "previous_group": before})

    return blueprint


def _table(page: Page) -> dict[str, Any]:
    answer = answers.head(page) | {"groups": page.players, "version": page.version}
    rows = [
        {"rank": row.rank, "group": row.player, "score": row.score, "members": int(row.data or 0)} for row in page.rows
    ]
    return answer | {"rows": rows} | ({"next": page.next} if page.next else {})
