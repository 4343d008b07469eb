"""Merged boards over HTTP and on the screen."""

import socketio

from tests.conftest import Api, ServerProcess
from tests.web.test_boards import ranks, refused


def merge(board: str, **settings: object) -> dict[str, object]:
    return {"merge": {"boards": [{"board": f"{board}-a"}, {"board": f"{board}-b", "weight": 2}]} | settings}


def test_a_merged_board_moves_with_its_boards(api: Api, board: str, server: ServerProcess) -> None:
    api.post(f"/boards/{board}-a/scores", {"player": "ada", "score": 10})
    put = api.put(f"/boards/{board}", merge(board))
    assert (put["players"], put["merge"]["how"], put["merge"]["aggregate"]) == (1, "union", "sum")
    with socketio.SimpleClient() as client:
        client.connect(server.url)
        answer = client.call("subscribe", {"topic": f"board:{board}:all"})
        assert [row["score"] for row in answer["snapshot"]["rows"]] == [10]
        api.post(f"/boards/{board}-b/scores", {"player": "bob", "score": 8})
        _, frame = client.receive(timeout=20)
        assert [(row["player"], row["score"]) for row in frame["rows"]] == [("bob", 16), ("ada", 10)]
    assert ranks(api, board) == [(1, "bob"), (2, "ada")]
    assert api.get(f"/boards/{board}/players/bob/around")["players"] == 2
    api.put(f"/boards/{board}", merge(board, how="intersection"))
    assert ranks(api, board) == []
    refused(api.call("POST", f"/boards/{board}/scores", json={"player": "a", "score": 1}), 409, "board-conflict")


def test_what_merging_refuses(api: Api, board: str) -> None:
    whole = merge(board)
    for wrong in (
        whole | {"ties": "first"},
        whole | {"columns": [{"name": "x"}]},
        whole | {"key": "game:x"},
        whole | {"cohorts": 5},
        {"merge": {"boards": [{"board": "a"}]}},
        {"merge": {"boards": [{"board": "a"}, {"board": "a"}]}},
        {"merge": {"boards": [{"board": "a"}, {"board": "b", "weight": 0}]}},
        {"merge": {"boards": [{"board": "a"}, {"board": "no name"}]}},
        merge(board, how="difference"),
    ):
        refused(api.call("PUT", f"/boards/{board}", json=wrong), 422, "invalid")
