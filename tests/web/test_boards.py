"""Boards over HTTP and sockets beyond the plain ones: ties, columns, ids, conditions, bounds, removals, review."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
import requests
import socketio

from tests.conftest import Api, ServerProcess, Start


def refused(answer: requests.Response, status: int, code: str) -> dict[str, Any]:
    document: dict[str, Any] = answer.json()
    assert (answer.status_code, document["code"]) == (status, code), document
    return document


def ranks(api: Api, board: str) -> list[tuple[int, str]]:
    return [(row["rank"], row["player"]) for row in api.get(f"/boards/{board}/top", limit=100)["rows"]]


# Ties and columns -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        ("plain", [(1, "d"), (2, "c"), (3, "b"), (4, "a")]),
        ("first", [(1, "d"), (2, "b"), (3, "c"), (4, "a")]),
        ("shared", [(1, "d"), (2, "c"), (2, "b"), (4, "a")]),
        ("dense", [(1, "d"), (2, "c"), (2, "b"), (3, "a")]),
    ],
)
def test_equal_scores_rank_as_the_board_says(ties: str, expected: list[Any], api: Api, board: str) -> None:
    api.put(f"/boards/{board}", {"ties": ties})
    for player, score in (("b", 20), ("c", 20), ("a", 10), ("d", 30)):
        api.post(f"/boards/{board}/scores", {"player": player, "score": score})
    assert ranks(api, board) == expected


def test_who_reaches_a_sum_again_has_reached_it_later(api: Api, board: str) -> None:
    api.put(f"/boards/{board}", {"rule": "sum", "ties": "first"})
    for player, score in (("a", 10), ("b", 10), ("a", -1), ("a", 1)):
        api.post(f"/boards/{board}/scores", {"player": player, "score": score})
    assert ranks(api, board) == [(1, "b"), (2, "a")]


def test_a_best_run_replaces_the_old_one_whole(api: Api, board: str) -> None:
    columns = [{"name": "time_ms", "order": "asc"}, {"name": "lives"}]
    assert api.put(f"/boards/{board}", {"columns": columns})["columns"] == [
        {"name": "time_ms", "order": "asc"},
        {"name": "lives", "order": "desc"},
    ]

    def post(score: int, time_ms: int, lives: int) -> Any:
        body = {"player": "a", "score": score, "columns": {"time_ms": time_ms, "lives": lives}}
        return api.post(f"/boards/{board}/scores", body)

    assert post(100, 5000, 1)["changed"]
    assert post(100, 6000, 3)["changed"] is False  # more lives do not make a slower run better
    assert post(100, 4000, 0)["changed"]  # and a faster one brings its own
    [row] = api.get(f"/boards/{board}/top")["rows"]
    assert row["columns"] == {"time_ms": 4000, "lives": 0}


def test_each_score_has_the_boards_columns_and_no_others(api: Api, board: str) -> None:
    api.put(f"/boards/{board}", {"columns": [{"name": "x"}]})
    for columns, pointer in (({}, "/columns/x"), ({"x": 1, "y": 2}, "/columns/y")):
        answer = api.call("POST", f"/boards/{board}/scores", json={"player": "a", "score": 1, "columns": columns})
        assert refused(answer, 422, "invalid")["errors"][0]["pointer"] == pointer
    refused(api.call("PUT", f"/boards/{board}", json={"columns": [{"name": n} for n in "abcde"]}), 422, "invalid")
    refused(api.call("PUT", f"/boards/{board}", json={"columns": [{"name": "a"}, {"name": "a"}]}), 422, "invalid")


def test_frames_of_a_board_whose_ranks_repeat_are_full(api: Api, board: str, server: ServerProcess) -> None:
    """A changed row says by its rank where it stands; with shared ranks that is no place."""
    api.put(f"/boards/{board}", {"ties": "shared"})
    for n in range(5):
        api.post(f"/boards/{board}/scores", {"player": f"p{n}", "score": 10})
    with socketio.SimpleClient() as client:
        client.connect(server.url)
        client.call("subscribe", {"topic": f"board:{board}:all"})
        api.post(f"/boards/{board}/scores", {"player": "p2", "score": 11})
        event, frame = client.receive(timeout=20)
        assert (event, frame["full"]) == ("board", True)
        assert [row["rank"] for row in frame["rows"]] == [1, 2, 2, 2, 2]


def test_a_score_is_tried_without_posting_it(api: Api, board: str) -> None:
    api.put(f"/boards/{board}", {"ties": "first", "columns": [{"name": "stars"}]})
    scores = [
        {"player": p, "score": s, "columns": {"stars": 1}} for p, s in zip("abcde", (50, 40, 30, 20, 10), strict=True)
    ]
    api.post(f"/boards/{board}/scores", {"scores": scores})
    tried = api.get(f"/boards/{board}/rank", score=40, **{"columns.stars": 1})
    assert tried == {
        "board": board,
        "period": "all",
        "period_id": "all",
        "rank": 3,
        "score": 40,
        "players": 5,
        "percentile": 60.0,
        "version": 1,
    }
    assert api.get(f"/boards/{board}/rank", score=40, **{"columns.stars": 2})["rank"] == 2
    found = api.get(f"/boards/{board}/percentile", p="75")
    assert (found["rank"], found["score"], found["columns"], found["players"]) == (2, 40, {"stars": 1}, 5)
    for path in ("rank", "rank?score=x", "rank?score=1", "rank?score=1&columns.x=1", "rank?score=1&columns=1"):
        refused(api.call("GET", f"/boards/{board}/{path}"), 422, "invalid")
    for path in ("percentile", "percentile?p=101", "percentile?p=nan", "percentile?p=1&period=day"):
        refused(api.call("GET", f"/boards/{board}/{path}"), 422, "invalid")


def test_an_empty_board_has_no_score_for_a_percentile(api: Api, board: str) -> None:
    api.put(f"/boards/{board}", {})
    found = api.get(f"/boards/{board}/percentile", p=99)
    assert (found["score"], found["rank"], found["players"]) == (None, None, 0)
    assert api.get(f"/boards/{board}/rank", score=1)["percentile"] == 100.0


# Ids, conditions, bounds ----------------------------------------------------------------------------------------------


def test_a_score_that_is_sent_again_is_answered_again_and_counts_once(
    api: Api, board: str, server: ServerProcess
) -> None:
    api.put(f"/boards/{board}", {"rule": "sum"})
    body = {"player": "a", "score": 5, "id": "round-1"}
    first = api.post(f"/boards/{board}/scores", body)
    api.post(f"/boards/{board}/scores", {"player": "b", "score": 50})
    assert api.post(f"/boards/{board}/scores", body) == first
    batch = api.post(f"/boards/{board}/scores", {"scores": [body, {"player": "a", "score": 1}, body]})["results"]
    assert [item["score"] for item in batch] == [5, 6, 5]
    with socketio.SimpleClient() as client:
        client.connect(server.url)
        assert client.call("score", {"board": board, **body}) == first
        assert client.call("score", {"board": board, **body, "score": 6})["error"]["code"] == "idempotency-conflict"
    refused(api.call("POST", f"/boards/{board}/scores", json={**body, "score": 6}), 409, "idempotency-conflict")
    assert api.get(f"/boards/{board}/players/a")["score"] == 6


def test_a_score_counts_only_if_what_is_held_matches(api: Api, board: str) -> None:
    def post(score: int, match: int | None) -> requests.Response:
        return api.call("POST", f"/boards/{board}/scores", json={"player": "a", "score": score, "match": match})

    refused(post(1, 5), 409, "score-mismatch")
    assert post(1, None).status_code == 200
    assert "holds 1" in refused(post(2, None), 409, "score-mismatch")["detail"]
    assert post(2, 1).json()["score"] == 2


def test_what_a_player_holds_stays_within_the_bounds(api: Api, board: str) -> None:
    api.put(f"/boards/{board}", {"rule": "sum", "min": 0, "max": 100, "max_step": 60})
    for score, held in ((-5, 0), (60, 60), (60, 100), (-30, 70)):
        assert api.post(f"/boards/{board}/scores", {"player": "a", "score": score})["score"] == held
    refused(api.call("POST", f"/boards/{board}/scores", json={"player": "a", "score": -61}), 422, "step-too-large")
    refused(api.call("PUT", f"/boards/{board}", json={"min": 2, "max": 1}), 422, "invalid")


def test_data_goes_with_the_score_that_it_came_with(api: Api, board: str) -> None:
    def post(score: int, **more: Any) -> requests.Response:
        return api.call("POST", f"/boards/{board}/scores", json={"player": "a", "score": score, **more})

    post(5, data={"hero": "ada"})
    post(4, data={"hero": "bob"})
    assert api.get(f"/boards/{board}/top")["rows"] == [{"rank": 1, "player": "a", "score": 5, "data": {"hero": "ada"}}]
    post(6)
    assert "data" not in api.get(f"/boards/{board}/players/a")
    refused(post(7, data="x" * 1024), 422, "invalid")


# Operators ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def operated(start_server: Start) -> Iterator[tuple[Api, Api]]:
    """A server with keys: calls as a game client, and as an operator."""
    server = start_server(env={"API_KEYS": "game", "OPERATOR_KEY": "boss"})
    client, operator = Api(server.url, "game"), Api(server.url, "boss")
    yield client, operator
    client.session.close()
    operator.session.close()


def test_operators_remove_hide_restore_and_decide_and_clients_do_not(operated: tuple[Api, Api]) -> None:
    client, operator = operated
    operator.put("/boards/b", {"rule": "sum", "review": {"above": 1000}})
    for player, score in (("a", 10), ("b", 20), ("c", 30)):
        client.post("/boards/b/scores", {"player": player, "score": score})
    for method, path in (
        ("DELETE", "/boards/b/players/a"),
        ("POST", "/boards/b/players/a/restore"),
        ("GET", "/boards/b/removed"),
        ("GET", "/boards/b/audit"),
        ("GET", "/boards/b/review"),
        ("POST", "/boards/b/review/1-0"),
    ):
        refused(client.call(method, path, json={"reason": "x"}), 401, "unauthorized")

    assert operator.call("DELETE", "/boards/b/players/c", json={"reason": "aimbot"}).json()["removed"]
    assert operator.call("DELETE", "/boards/b/players/b", json={"reason": "look", "hide": True}).json()["hidden"]
    assert ranks(client, "b") == [(1, "a")]
    unseen = client.post("/boards/b/scores", {"player": "b", "score": 5})
    assert (unseen["score"], unseen["rank"]) == (25, None)
    assert {row["player"]: row["held"] for row in operator.get("/boards/b/removed")["players"]} == {
        "b": {"all": 25},
        "c": {"all": 30},
    }
    for player in "bc":
        assert operator.call("POST", f"/boards/b/players/{player}/restore", json={"reason": "fine"}).json()["restored"]
    assert ranks(client, "b") == [(1, "c"), (2, "b"), (3, "a")]
    refused(operator.call("POST", "/boards/b/players/b/restore", json={"reason": "x"}), 404, "player-not-found")

    waits = client.post("/boards/b/scores", {"player": "a", "score": 5000, "data": [1]})
    assert (waits["score"], waits["changed"]) == (10, False)
    [row] = operator.get("/boards/b/review")["scores"]
    assert (row["id"], row["player"], row["why"], row["data"]) == (waits["review"], "a", "above 1000", [1])
    done = operator.post(f"/boards/b/review/{row['id']}", {"decision": "approve"})
    assert (done["decision"], done["result"]["score"]) == ("approved", 5010)
    again = operator.call("POST", f"/boards/b/review/{row['id']}", json={"decision": "approve"})
    refused(again, 404, "not-in-review")
    assert [entry["what"] for entry in operator.get("/boards/b/audit")["entries"]] == [
        *("approved", "restored", "restored", "hidden", "removed"),
    ]


def test_data_that_came_while_a_player_was_hidden_is_there_when_the_player_is_back(operated: tuple[Api, Api]) -> None:
    client, operator = operated
    client.post("/boards/d/scores", {"player": "a", "score": 1})
    operator.call("DELETE", "/boards/d/players/a", json={"reason": "look", "hide": True})
    client.post("/boards/d/scores", {"player": "a", "score": 2, "data": {"hero": "ada"}})
    operator.post("/boards/d/players/a/restore", {"reason": "fine"})
    assert client.get("/boards/d/top")["rows"] == [{"rank": 1, "player": "a", "score": 2, "data": {"hero": "ada"}}]


def test_a_board_may_take_scores_from_operators_only(operated: tuple[Api, Api]) -> None:
    client, operator = operated
    operator.put("/boards/official", {"writers": "operators"})
    refused(client.call("POST", "/boards/official/scores", json={"player": "a", "score": 1}), 403, "forbidden")
    with socketio.SimpleClient() as socket:
        socket.connect(client.url, auth={"key": "game"})
        answer = socket.call("score", {"board": "official", "player": "a", "score": 1})
        assert answer["error"]["code"] == "forbidden"
    assert operator.post("/boards/official/scores", {"player": "a", "score": 1})["rank"] == 1
    assert ranks(client, "official") == [(1, "a")]


def test_who_gains_too_much_too_fast_waits_for_review(operated: tuple[Api, Api]) -> None:
    client, operator = operated
    operator.put("/boards/fast", {"rule": "sum", "review": {"gain": 100, "per_s": 86_400}})
    answers = [client.post("/boards/fast/scores", {"player": "a", "score": 40}) for _ in range(3)]
    assert ["review" in answer for answer in answers] == [False, False, True]
    assert client.get("/boards/fast/players/a")["score"] == 80
    operator.post(f"/boards/fast/review/{answers[2]['review']}", {"decision": "reject"})
    assert operator.get("/boards/fast/review")["scores"] == []
    assert client.get("/boards/fast/players/a")["score"] == 80


# Sorted sets of other programs ----------------------------------------------------------------------------------------


@pytest.fixture
def redis_of(server: ServerProcess) -> Iterator[redis.Redis]:
    """Another program's connection to the server's store."""
    client = redis.Redis(unix_socket_path=str(server.data_dir / "store" / "valkey.sock"))
    yield client
    client.close()


def test_a_sorted_set_of_another_program_is_a_board_and_moves(
    api: Api, board: str, server: ServerProcess, redis_of: redis.Redis
) -> None:
    key = f"game:{board}"
    redis_of.zadd(key, {"player1": 1500, "player2": 1200.5})
    redis_of.zadd(key, {b"\xff": 1})
    assert api.put(f"/boards/{board}", {"key": key})["players"] == 3
    assert ranks(api, board) == [(1, "player1"), (2, "player2"), (3, "\ufffd")]
    with socketio.SimpleClient() as client:
        client.connect(server.url)
        answer = client.call("subscribe", {"topic": f"board:{board}:all"})
        assert [row["score"] for row in answer["snapshot"]["rows"]] == [1500, 1200.5, 1]
        redis_of.zincrby(key, 1000, "player2")
        _, frame = client.receive(timeout=20)
        assert next((row["player"], row["score"]) for row in frame["rows"]) == ("player2", 2200.5)
    first = api.get(f"/boards/{board}/top", limit=1)
    assert [row["player"] for row in api.get(f"/boards/{board}/top", cursor=first["next"])["rows"]] == [
        "player1",
        "\ufffd",
    ]
    assert api.post(f"/boards/{board}/scores", {"player": "player3", "score": 3000})["rank"] == 1
    assert redis_of.zscore(key, "player3") == 3000
    with_data = {"player": "player3", "score": 3001, "data": {"level": 3}}  # which ZREM and ZADD would not take along
    refused(api.call("POST", f"/boards/{board}/scores", json=with_data), 422, "invalid")
    api.call("DELETE", f"/boards/{board}")
    assert redis_of.zcard(key) == 4


def test_what_cannot_be_kept_on_anothers_key_is_refused(api: Api, board: str, redis_of: redis.Redis) -> None:
    redis_of.set(f"text:{board}", "x")
    for settings in (
        {"ties": "first"},
        {"ties": "dense"},
        {"columns": [{"name": "x"}]},
        {"periods": ["all", "day"]},
        {"key": "sc:boards"},
        {"key": "payments-stream"},
        {"key": f"text:{board}"},
    ):
        refused(api.call("PUT", f"/boards/{board}", json={"key": f"game:{board}"} | settings), 422, "invalid")


def test_a_key_that_becomes_something_else_stops_no_other_board(
    api: Api, board: str, server: ServerProcess, redis_of: redis.Redis
) -> None:
    key = f"game:{board}"
    api.put(f"/boards/{board}", {"key": key})
    with socketio.SimpleClient() as client:
        client.connect(server.url)
        for topic in (f"board:{board}:all", f"board:{board}-other:all"):
            client.call("subscribe", {"topic": topic})
        redis_of.set(key, "not a sorted set")
        api.post(f"/boards/{board}-other/scores", {"player": "a", "score": 1})
        _, frame = client.receive(timeout=20)
        assert frame["topic"] == f"board:{board}-other:all"
    refused(api.call("GET", f"/boards/{board}/top"), 409, "key-conflict")
    refused(api.call("POST", f"/boards/{board}/scores", json={"player": "a", "score": 1}), 409, "key-conflict")
    assert any(row["board"] == board for row in api.get("/boards")["boards"])
