"""Sharded boards over HTTP and on the screen."""

import socketio

from tests.conftest import Api, ServerProcess
from tests.web.test_boards import ranks, refused


def test_a_sharded_board_is_a_board(api: Api, board: str, server: ServerProcess) -> None:
    assert api.put(f"/boards/{board}", {"shards": 4, "ties": "shared"})["shards"] == 4
    batch = [{"player": f"p{n}", "score": n // 2} for n in range(20)]
    results = api.post(f"/boards/{board}/scores", {"scores": batch})["results"]
    assert {result["players"] for result in results} == {20}
    assert ranks(api, board)[:4] == [(1, "p19"), (1, "p18"), (3, "p17"), (3, "p16")]
    with socketio.SimpleClient() as client:
        client.connect(server.url)
        topic = f"board:{board}:all"
        assert len(client.call("subscribe", {"topic": topic})["snapshot"]["rows"]) == 10
        result = client.call("score", {"board": board, "player": "p0", "score": 99})
        assert (result["rank"], result["previous_rank"]) == (1, 19)
        assert client.call("sync", {"topic": topic, "position": result["position"]})["seq"] >= 1
        _, frame = client.receive(timeout=20)
        assert [(row["rank"], row["player"]) for row in frame["rows"][:2]] == [(1, "p0"), (2, "p19")]
    assert [one["players"] for one in api.get("/boards")["boards"] if one["board"] == board] == [20]
    refused(api.call("GET", f"/boards/{board}%2F0/top"), 422, "invalid")
    assert api.get(f"/boards/{board}/moments")["periods"][0]["moments"] == []


def test_what_shards_refuse(api: Api, board: str) -> None:
    for wrong in (
        {"shards": 0},
        {"shards": 65},
        {"ties": "dense"},
        {"groups": "sum"},
        {"cohorts": 5},
        {"key": "game:x"},
        {"review": {"above": 5}},
        {"rule": "sum", "half_life_s": 60},
        {"periods": ["season"], "season": {"manual": True}},
    ):
        refused(api.call("PUT", f"/boards/{board}", json={"shards": 4} | wrong), 422, "invalid")
    assert "shards" not in api.put(f"/boards/{board}", {"shards": 1})
