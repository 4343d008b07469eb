"""Boards whose scores decay, over HTTP and on the screen."""

import socketio

from tests.conftest import Api, ServerProcess
from tests.web.test_boards import refused

TREND = {"rule": "sum", "half_life_s": 60}


def test_a_watched_board_shrinks_by_itself(api: Api, board: str, server: ServerProcess) -> None:
    assert api.put(f"/boards/{board}", TREND)["half_life_s"] == 60
    api.post(f"/boards/{board}/scores", {"player": "ada", "score": 1_000_000})
    with socketio.SimpleClient() as client:
        client.connect(server.url)
        shown = [client.call("subscribe", {"topic": f"board:{board}:all"})["snapshot"]["rows"][0]["score"]]
        while len(shown) < 4:
            _, frame = client.receive(timeout=20)
            shown.append(frame["rows"][0]["score"])
    assert shown == sorted(set(shown), reverse=True)
    assert api.get(f"/boards/{board}/players/ada")["score"] < shown[0]
    assert refused(api.call("POST", f"/boards/{board}/scores", json={"player": "ada", "score": -1}), 422, "invalid")[
        "errors"
    ] == [{"pointer": "/score", "message": "0 or more"}]


def test_what_decay_refuses(api: Api, board: str) -> None:
    for wrong in (
        {"rule": "best"},
        {"order": "asc"},
        {"ties": "first"},
        {"columns": [{"name": "x"}]},
        {"key": "game:trend"},
        {"groups": "sum"},
        {"min": 0},
        {"max_step": 5},
        {"review": {"gain": 5}},
        {"half_life_s": 0},
    ):
        refused(api.call("PUT", f"/boards/{board}", json=TREND | wrong), 422, "invalid")
