"""The board's setting `format` over HTTP: what it may say, and that it stays."""

from typing import Any

import pytest
import requests

from tests.conftest import ServerProcess


def put(server: ServerProcess, board: str, settings: dict[str, Any]) -> requests.Response:
    return requests.put(f"{server.url}/api/v1/boards/{board}", json=settings, timeout=10)


@pytest.mark.parametrize(
    ("given", "pointer", "message"),
    [
        ({"kind": "stars"}, "/format/kind", "'points', 'time' or 'money'"),
        ({"kind": "time"}, "/format", "`from` says"),
        ({"kind": "time", "from": "min"}, "/format/from", "'ms' or 's'"),
        ({"kind": "time", "from": "s", "currency": "EUR"}, "/format", "`currency` says"),
        ({"kind": "money"}, "/format", "`currency` says"),
        ({"kind": "money", "currency": "euro"}, "/format/currency", "pattern"),
        ({"kind": "money", "currency": "EUR", "decimals": 5}, "/format/decimals", "less than or equal to 4"),
        ({"kind": "points", "decimals": 2}, "/format", "`decimals` belongs to money"),
        ({"kind": "time", "source": "ms"}, "/format/source", "unknown field"),
        (None, "/format", "must be an object"),
    ],
)
def test_bad_formats_are_422_and_say_what_is_allowed(
    given: Any, pointer: str, message: str, server: ServerProcess, board: str
) -> None:
    answer = put(server, board, {"format": given})
    assert answer.status_code == 422
    errors = {error["pointer"]: error["message"] for error in answer.json()["errors"]}
    assert message in errors[pointer]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({}, {"kind": "points"}),
        ({"kind": "time", "from": "s"}, {"kind": "time", "from": "s"}),
        ({"kind": "money", "currency": "JPY", "decimals": 0}, {"kind": "money", "currency": "JPY", "decimals": 0}),
        ({"kind": "money", "currency": "EUR"}, {"kind": "money", "currency": "EUR", "decimals": 2}),
    ],
)
def test_a_format_stands_with_the_board(
    given: dict[str, Any], stored: dict[str, Any], server: ServerProcess, board: str
) -> None:
    assert put(server, board, {"format": given}).json()["format"] == stored
    listed = requests.get(f"{server.url}/api/v1/boards", timeout=10).json()["boards"]
    assert [found["format"] for found in listed if found["board"] == board] == [stored]
    assert put(server, board, {"format": stored}).status_code == 200, "it reads back what it writes"


def test_a_format_can_be_changed_where_scores_are_stored(server: ServerProcess, board: str) -> None:
    url = f"{server.url}/api/v1/boards/{board}"
    assert requests.post(f"{url}/scores", json={"player": "ada", "score": 61250}, timeout=10).status_code == 200
    assert requests.get(url, timeout=10).json()["format"] == {"kind": "points"}
    assert put(server, board, {"format": {"kind": "time", "from": "ms"}}).status_code == 200
