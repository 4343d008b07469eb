"""Seasons over HTTP: what settings may say of them, rolling over, the list of periods."""

import time
from typing import Any

import pytest
import requests

from dashboard.core.periods import parse_time
from tests.conftest import ServerProcess, Start


def put(server: ServerProcess, board: str, settings: dict[str, Any]) -> requests.Response:
    return requests.put(f"{server.url}/api/v1/boards/{board}", json=settings, timeout=10)


def post(server: ServerProcess, path: str, body: Any = None) -> requests.Response:
    return requests.post(f"{server.url}/api/v1/boards/{path}", json=body, timeout=10)


def get(server: ServerProcess, path: str) -> Any:
    answer = requests.get(f"{server.url}/api/v1/boards/{path}", timeout=10)
    return answer.json()


@pytest.mark.parametrize(
    ("settings", "pointer", "message"),
    [
        ({"periods": ["season"], "season": {"cron": "monthly"}}, "/season/cron", "five fields"),
        ({"periods": ["season"], "season": {"cron": "0 0 1 * *", "zone": "Berlin"}}, "/season/zone", "Europe/Berlin"),
        ({"periods": ["season"], "season": {"cron": "0 0 1 * *", "manual": True}}, "/season", "either"),
        ({"periods": ["season"], "season": {"manual": True, "zone": "UTC"}}, "/season", "either"),
        ({"periods": ["season"], "season": {"manual": False}}, "/season/manual", "True"),
        ({"periods": ["season"], "season": {}}, "/season", "either"),
        ({"periods": ["season"], "season": {"every": "week"}}, "/season/every", "unknown field"),
        ({"periods": ["season"]}, "", "`season` says when"),
        ({"season": {"manual": True}}, "", "`season` says when"),
    ],
)
def test_bad_seasons_are_422_and_say_what_is_allowed(
    settings: dict[str, Any], pointer: str, message: str, server: ServerProcess, board: str
) -> None:
    answer = put(server, board, settings)
    assert answer.status_code == 422
    assert {"pointer": pointer, "message": message} in [
        error | {"message": message if message in error["message"] else error["message"]}
        for error in answer.json()["errors"]
    ]


def test_a_cron_season_stands_with_the_board_and_says_when_it_ends(server: ServerProcess, board: str) -> None:
    season = {"cron": "0 0 1 * *", "zone": "Europe/Berlin"}
    answer = put(server, board, {"periods": ["season", "all"], "season": season})
    assert answer.status_code == 201
    assert answer.json()["season"] == get(server, board)["season"] == season
    ends = answer.json()["season_ends"]
    listed = requests.get(f"{server.url}/api/v1/boards", timeout=10).json()["boards"]
    assert [found["season_ends"] for found in listed if found["board"] == board] == [ends]
    assert parse_time(ends) > time.time() * 1000
    assert put(server, board, {"periods": ["season", "all"], "season": season}).status_code == 200
    post(server, f"{board}/scores", {"player": "a", "score": 1})
    top = get(server, f"{board}/top?period=season")
    assert top["period"] == "season"
    assert top["period_id"].startswith("season:2")
    assert [row["player"] for row in top["rows"]] == ["a"]
    assert post(server, f"{board}/seasons").json()["code"] == "board-conflict"
    (period,) = get(server, f"{board}/periods?kind=season")["periods"]
    assert (period["period_id"], period["to"]) == (top["period_id"], ends)
    assert period["from"][:16] + "Z" == top["period_id"].removeprefix("season:")


def test_seasons_begun_by_hand_roll_over_and_stay_readable(server: ServerProcess, board: str) -> None:
    created = put(server, board, {"periods": ["season"], "season": {"manual": True}}).json()
    assert created["season"] == {"manual": True}
    assert "season_ends" not in created
    post(server, f"{board}/scores", {"player": "a", "score": 1})
    rolled = post(server, f"{board}/seasons")
    assert rolled.status_code == 201
    since = rolled.json()["since"]
    assert rolled.json() == {"season": 2, "since": since}
    assert get(server, f"{board}/top?period=season")["rows"] == []
    post(server, f"{board}/scores", {"player": "b", "score": 2})
    assert get(server, f"{board}/periods?kind=season")["periods"] == [
        {"period_id": "season:2", "from": since, "to": None},
        {"period_id": "season:1", "from": None, "to": since},
    ]
    first = get(server, f"{board}/top?period=season&at=2020-01-01")
    assert (first["period_id"], [row["player"] for row in first["rows"]]) == ("season:1", ["a"])
    assert get(server, f"{board}/periods?kind=week")["code"] == "invalid"
    assert get(server, f"no-{board}/periods?kind=all")["code"] == "board-not-found"


def test_only_an_operator_begins_a_season(start_server: Start, board: str) -> None:
    server = start_server("--api-keys", "k1", "--operator-key", "op")
    url = f"{server.url}/api/v1/boards/{board}"
    settings = {"periods": ["season"], "season": {"manual": True}}
    assert requests.put(url, json=settings, headers={"X-API-Key": "k1"}, timeout=10).status_code == 201
    assert requests.post(f"{url}/seasons", timeout=10).status_code == 401
    assert requests.post(f"{url}/seasons", headers={"X-API-Key": "k1"}, timeout=10).status_code == 401
    assert requests.post(f"{url}/seasons", headers={"X-API-Key": "op"}, timeout=10).json()["season"] == 2
