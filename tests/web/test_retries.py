"""`Idempotency-Key` over HTTP, in both async modes: what is sent again is answered again, byte for byte."""

import json
import uuid
from typing import Any

import pytest
import redis

from dashboard.store.keys import PAYMENTS
from tests.conftest import Api, ServerProcess, Start
from tests.store.hold import wait_until
from tests.web.raw import Answer, Line, request

REPLAY = "idempotent-replay"


@pytest.fixture
def url(server: ServerProcess) -> str:
    return server.url


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


def post(url: str, path: str, body: object, key: str | None, *headers: str) -> Answer:
    """One POST; `path` is below /api/v1."""
    given = [] if key is None else [f"Idempotency-Key: {key}"]
    with Line(url) as line:
        return line.ask("POST", f"/api/v1{path}", json.dumps(body).encode(), *given, *headers)


def check_replay(again: Answer, first: Answer) -> None:
    assert (again.status, again.body) == (first.status, first.body)
    assert (first.headers.get(REPLAY), again.headers.get(REPLAY)) == (None, "true")
    for name in ("content-type", "location"):
        assert again.headers.get(name) == first.headers.get(name)


def check_conflict(answer: Answer) -> None:
    assert (answer.status, answer.json()["code"]) == (409, "idempotency-conflict"), answer.body
    assert REPLAY not in answer.headers


# Scores ---------------------------------------------------------------------------------------------------------------


def test_scores_that_are_sent_again_count_once(url: str, api: Api, board: str, key: str) -> None:
    api.put(f"/boards/{board}", {"rule": "sum"})
    path, body = f"/boards/{board}/scores", {"player": "a", "score": 5}
    first = post(url, path, body, key)
    assert post(url, path, {"player": "a", "score": 50}, None).status == 200
    check_replay(post(url, path, body, key), first)
    check_conflict(post(url, path, {"player": "a", "score": 6}, key))
    check_conflict(post(url, path, {"scores": [body, body]}, key))
    assert post(url, path, body, key + "'").json()["score"] == 60  # another key, another score
    assert post(url, path, body, None).json()["score"] == 65  # control: without a key each counts


def test_a_batch_is_answered_again_with_its_refusals_and_another_one_is_refused_whole(
    url: str, api: Api, board: str, key: str
) -> None:
    api.put(f"/boards/{board}", {"rule": "sum", "max_step": 100, "periods": ["day"], "late_s": 0})
    good = {"player": "a", "score": 5}
    bad = [
        {"player": "a", "score": 101},
        {"player": "a", "score": 1, "at": 1},
        {"player": "a", "score": 1, "at": "2100-01-01T00:00:00Z"},
        {"player": "a", "score": 1, "columns": {"x": 1}},
        {"player": "", "score": 1},
    ]
    path, body = f"/boards/{board}/scores", {"scores": [good, *bad, {**good, "id": "known"}]}
    first = post(url, path, body, key)
    codes = [item.get("error", {}).get("code") for item in first.json()["results"]]
    assert codes == [None, "step-too-large", "too-late", "invalid", "invalid", "invalid", None]
    check_replay(post(url, path, body, key), first)
    check_conflict(post(url, path, {"scores": [*body["scores"], {"player": "b", "score": 1}]}, key))
    assert {row["player"]: row["score"] for row in api.get(f"/boards/{board}/top", period="day")["rows"]} == {"a": 10}


def test_a_single_score_that_the_board_refused_is_refused_again(url: str, api: Api, board: str, key: str) -> None:
    path, body = f"/boards/{board}/scores", {"player": "a", "score": 5, "match": 1}
    first = post(url, path, body, key)
    assert (first.status, first.json()["code"]) == (409, "score-mismatch")
    api.post(path, {"player": "a", "score": 1})  # now it would match
    check_replay(post(url, path, body, key), first)


@pytest.mark.parametrize("keyed", [True, False], ids=["key", "control"])
def test_a_connection_that_broke_before_the_answer_was_read(
    keyed: bool, server: ServerProcess, url: str, api: Api, board: str, key: str
) -> None:
    api.put(f"/boards/{board}", {"rule": "sum"})
    path, body, given = f"/boards/{board}/scores", {"player": "a", "score": 5}, key if keyed else None
    with Line(server.url) as broken:
        headers = [f"Idempotency-Key: {key}"] if keyed else []
        broken.send(request("POST", f"/api/v1{path}", json.dumps(body).encode(), *headers))
        wait_until(lambda: api.get(f"/boards/{board}")["players"] == 1)
    assert post(url, path, body, given).json()["score"] == (5 if keyed else 10)


# Everything else ------------------------------------------------------------------------------------------------------


def test_a_payment_that_is_sent_again_is_queued_once(url: str, key: str) -> None:
    body = {"user": 42, "amount": "99.00"}
    first = post(url, "/payments", body, key)
    assert (first.status, first.headers["location"]) == (202, f"/api/v1/payments/{first.json()['id']}")
    check_replay(post(url, "/payments", body, key), first)
    check_conflict(post(url, "/payments", {**body, "amount": "98.00"}, key))
    assert post(url, "/payments", body, None).json()["id"] != first.json()["id"]  # control


def test_a_message_that_is_sent_again_is_published_once(server: ServerProcess, url: str, board: str, key: str) -> None:
    with redis.Redis(unix_socket_path=str(server.data_dir / "store/valkey.sock")) as store, store.pubsub() as ear:
        ear.subscribe(board)
        ear.get_message(timeout=5)
        first = post(url, f"/channels/{board}", {"message": "one"}, key)
        check_replay(post(url, f"/channels/{board}", {"message": "one"}, key), first)
        check_conflict(post(url, f"/channels/{board}", {"message": "two"}, key))
        post(url, f"/channels/{board}", {"message": "end"}, None)
        heard = [ear.get_message(timeout=5)["data"] for _ in range(2)]
        assert heard == [b"one", b"end"]


def test_who_asks_again_for_a_lock_gets_the_one_it_has(url: str, board: str, key: str) -> None:
    path, body = f"/locks/{board}", {"ttl_ms": 60_000}
    first = post(url, path, body, key)
    assert first.status == 201
    check_replay(post(url, path, body, key), first)
    check_conflict(post(url, path, {"ttl_ms": 1000}, key))
    assert post(url, path, body, None).json()["code"] == "lock-held"  # control


def test_a_refusal_uses_no_key_up(url: str, api: Api, board: str, key: str) -> None:
    path, body = f"/locks/{board}", {"ttl_ms": 60_000}
    held = post(url, path, body, None).json()
    assert post(url, path, body, key).json()["code"] == "lock-held"
    assert post(url, path, {"ttl_ms": "x"}, key).status == 422
    api.call("DELETE", path, json={"token": held["token"]})
    assert post(url, path, body, key).status == 201


def test_signing_in_again_gives_the_same_session_and_its_cookie(server: ServerProcess, url: str, key: str) -> None:
    body = {"name": f"viewer {key[:8]}"}
    first = post(url, "/session", body, key)
    again = post(url, "/session", body, key)
    check_replay(again, first)
    cookie = first.headers["set-cookie"].partition(";")[0]
    assert again.headers["set-cookie"].partition(";")[0] == cookie
    with Line(url) as line:
        mine = line.ask("GET", "/api/v1/session", None, f"Cookie: {cookie}")
    assert mine.json()["handle"] == first.json()["handle"]
    check_conflict(post(url, "/session", {"name": "another"}, key))
    with redis.Redis(unix_socket_path=str(server.data_dir / "store/valkey.sock")) as store:
        answers = [store.hget(name, "answer") or b"" for name in store.scan_iter("sc:once:*", count=1000)]
        assert any(body["name"].encode() in answer for answer in answers)
        assert not any(cookie.partition("=")[2].encode() in answer for answer in answers)


def test_operators_restore_decide_and_put_back_once(
    server: ServerProcess, url: str, api: Api, board: str, key: str
) -> None:
    with redis.Redis(unix_socket_path=str(server.data_dir / "store/valkey.sock")) as store:
        entry = store.execute_command("XADD", PAYMENTS, "*", "user", "42", "amount", "much").decode()

    def letters() -> list[str]:
        return [one["id"] for one in api.get(f"/streams/{PAYMENTS}")["dead_letters"] if one["entry"] == entry]

    wait_until(letters)
    api.put(f"/boards/{board}", {"rule": "sum", "review": {"above": 10}})
    api.post(f"/boards/{board}/scores", {"player": "a", "score": 1})
    waits = api.post(f"/boards/{board}/scores", {"player": "a", "score": 11})["review"]
    api.call("DELETE", f"/boards/{board}/players/a", json={"reason": "x"})
    calls: list[tuple[str, Any]] = [
        (f"/boards/{board}/players/a/restore", {"reason": "fine"}),
        (f"/boards/{board}/review/{waits}", {"decision": "approve"}),
        (f"/streams/{PAYMENTS}/dead/{letters()[0]}/retry", {}),
    ]
    for path, body in calls:
        first = post(url, path, body, key)
        assert first.status in (200, 202), first.body
        check_replay(post(url, path, body, key), first)
        assert post(url, path, body, None).status == 404  # control
    assert [entry["what"] for entry in api.get(f"/boards/{board}/audit")["entries"]] == [
        "approved",
        "restored",
        "removed",
    ]


def test_a_season_that_is_begun_again_is_the_same_season(url: str, api: Api, board: str, key: str) -> None:
    api.put(f"/boards/{board}", {"periods": ["season"], "season": {"manual": True}})
    first = post(url, f"/boards/{board}/seasons", {}, key)
    assert (first.status, first.json()["season"]) == (201, 2)
    check_replay(post(url, f"/boards/{board}/seasons", {}, key), first)
    assert post(url, f"/boards/{board}/seasons", {}, None).json()["season"] == 3  # control


# The key --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["", "x" * 256, "\x7f", "sch\u00f6n"])
def test_a_key_that_is_none_is_refused_in_words(bad: str, api: Api, board: str) -> None:
    for path, body in ((f"/boards/{board}/scores", {"player": "a", "score": 1}), (f"/locks/{board}", {"ttl_ms": 1000})):
        answer = api.call("POST", path, json=body, headers={"Idempotency-Key": bad.encode()})
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
        assert "1 to 255 printable ASCII" in answer.json()["detail"]
    assert api.call("GET", f"/boards/{board}").status_code == 404
    assert api.call("PUT", f"/boards/{board}", json={}, headers={"Idempotency-Key": "x" * 255}).status_code == 201


def test_what_only_reads_is_never_replayed(url: str, api: Api, board: str, key: str) -> None:
    path, body = f"/boards/{board}/standings", {"players": ["a"]}
    api.post(f"/boards/{board}/scores", {"player": "a", "score": 1})
    assert post(url, path, body, key).json()["rows"][0]["score"] == 1
    api.post(f"/boards/{board}/scores", {"player": "a", "score": 2})
    assert post(url, path, body, key).json()["rows"][0]["score"] == 2


def test_a_key_belongs_to_its_caller_who_must_have_the_right(start_server: Start) -> None:
    url = start_server(env={"API_KEYS": "one,two", "OPERATOR_KEY": "boss"}).url
    for path, body in (("/boards/b/scores", {"player": "a", "score": 1}), ("/locks/l", {"ttl_ms": 60_000})):
        first = post(url, path, body, "1", "X-API-Key: one")
        assert post(url, path, body, "1").status == 401
        assert post(url, path, body, "1", "X-API-Key: wrong").status == 401
        check_replay(post(url, path, body, "1", "Authorization: Bearer one"), first)
        assert REPLAY not in post(url, path, body, "1", "X-API-Key: two").headers
