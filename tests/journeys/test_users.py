"""Users over HTTP, at one server and at two, from the database and from a service; in both async modes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
import requests
import socketio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conftest import Api, ServerProcess, Start
from tests.core.user_service import GOOD, Service
from tests.store.hold import wait_until

PROFILE = {"name": "Zoë", "username": "zoe", "email": "zoe@example.com", "city": "Łódź"}


def get(server: ServerProcess, id: str, path: str = "/api/v1/users") -> requests.Response:
    return requests.get(f"{server.url}{path}/{id}", timeout=20)


def put(server: ServerProcess, id: str, body: Any = PROFILE, **headers: str) -> requests.Response:
    return requests.put(f"{server.url}/api/v1/users/{id}", json=body, headers=headers, timeout=20)


@pytest.fixture
def service() -> Iterator[Service]:
    started = Service()
    yield started
    started.stop()


def test_a_user_comes_from_the_database_and_then_from_redis(server: ServerProcess) -> None:
    first, second = get(server, "17", "/user"), get(server, "17")
    assert first.json()["source"] == "database"
    assert first.headers["Cache-Status"].startswith("Scorecast; fwd=uri-miss; stored; ttl=5")
    assert second.json() == {"source": "redis-cache", "data": first.json()["data"]}
    assert second.headers["Cache-Status"].startswith("Scorecast; hit; ttl=5")
    assert 0 <= int(second.headers["Age"]) < 20
    assert second.json()["data"]["id"] == 17
    assert {"name", "username", "email", "city"} <= second.json()["data"].keys()


def test_a_user_who_is_not_there_is_a_problem_that_is_cached(server: ServerProcess) -> None:
    answers = [get(server, "no-such-user") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert [answer.json()["code"] for answer in answers] == ["user-not-found"] * 2
    assert "fwd=uri-miss; stored" in answers[0].headers["Cache-Status"]
    assert "; hit" in answers[1].headers["Cache-Status"]


@given(st.text(min_size=1, max_size=80))
@example("..%2f..")
@example("%00")
@example("1/../2")
@example("1;DROP TABLE users")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_for_there_is_an_answer(api: Api, text: str) -> None:
    answer = api.call("GET", f"/users/{quote(text, safe='', errors='replace')}")
    assert answer.status_code in (200, 400, 404, 405, 422)  # 400: a path with control characters
    assert answer.json()


def test_a_written_user_is_read_at_once(server: ServerProcess) -> None:
    assert get(server, "new-1").status_code == 404  # and that is cached
    assert put(server, "new-1").status_code == 201
    assert get(server, "new-1").json()["data"]["city"] == "Łódź"
    assert put(server, "new-1", PROFILE | {"city": "Graz"}).status_code == 200
    assert get(server, "new-1").json()["data"] | {"city": "Graz", "version": 2} == get(server, "new-1").json()["data"]
    assert requests.delete(f"{server.url}/api/v1/users/new-1", timeout=20).status_code == 204
    assert get(server, "new-1").status_code == 404
    assert requests.delete(f"{server.url}/api/v1/users/new-1", timeout=20).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "Ada"}, "/username"),
        (PROFILE | {"admin": True}, "/admin"),
        (PROFILE | {"email": "nowhere"}, "/email"),
        (PROFILE | {"name": "a\x00b"}, "/name"),
        (PROFILE | {"joined": "2026-13-01"}, "/joined"),
        ([], ""),
    ],
)
def test_a_user_that_breaks_a_rule_is_refused_with_its_pointer(server: ServerProcess, body: Any, pointer: str) -> None:
    refused = put(server, "1", body)
    assert refused.status_code == 422
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]


def test_writing_needs_a_key_where_there_are_keys(start_server: Start) -> None:
    server = start_server("--api-keys", "sesame")
    assert put(server, "1").status_code == 401
    assert requests.delete(f"{server.url}/api/v1/users/1", timeout=20).status_code == 401
    assert get(server, "1").json()["data"]["version"] == 1
    assert put(server, "1", **{"X-API-Key": "sesame"}).status_code == 200


class Pair:
    """Two servers on one store."""

    def __init__(self, start: Callable[..., ServerProcess], *flags: str) -> None:
        self.here, self.there = start(*flags), start(*flags)


@pytest.fixture(scope="module", params=["eventlet", "threading"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two servers with the database, in both async modes."""
    folder = tmp_path_factory.mktemp("p")
    made = Pair(lambda *flags: ServerProcess(*flags, data_dir=folder), "--async-mode", request.param)
    yield made
    made.there.stop()
    made.here.stop()


def test_the_panel_counts_what_every_server_did(pair: Pair) -> None:
    with socketio.SimpleClient() as client:
        client.connect(pair.here.url)
        answer = client.call("subscribe", {"topic": "cache"})
        assert answer["snapshot"]["reads"] == 0
        assert answer["snapshot"]["hit_ratio"] is None
        for n in range(8):
            get((pair.here, pair.there)[n % 2], "1")
        panel = answer["snapshot"]
        while panel["reads"] < 8:
            event, panel = client.receive(timeout=10)
            assert event == "cache"
    assert (panel["topic"], panel["source"]) == ("cache", "database")
    assert (panel["reads"], panel["hits"], panel["hit_ratio"]) == (8, 7, 0.875)
    assert panel["counts"]["load"] == panel["counts"]["miss"] == 1
    assert panel["loads_per_second"] == pytest.approx(1 / panel["window_s"], abs=0.01)
    assert 0 < panel["hit_ms"]["p50"] <= panel["hit_ms"]["p95"]
    assert panel["miss_ms"]["p50"] >= panel["load_ms"]["p50"] * 0.9
    assert sum(point["reads"] for point in panel["points"]) == 8


def write_here_read_there(pair: Pair, id: str, times: int) -> None:
    with requests.Session() as writer, ThreadPoolExecutor(4) as pool:
        for _ in range(times):
            stored = writer.put(f"{pair.here.url}/api/v1/users/{id}", json=PROFILE, timeout=20).json()["data"]
            found = list(pool.map(lambda _: get(pair.there, id).json()["data"]["version"], range(4)))
            assert set(found) == {stored["version"]}


def test_a_user_written_at_one_server_is_never_older_at_another(pair: Pair) -> None:
    write_here_read_there(pair, "1", 10)


@pytest.mark.soak
def test_a_user_written_at_one_server_is_never_older_at_another_for_long(pair: Pair) -> None:
    write_here_read_there(pair, "2", 1000)


def test_users_of_a_service_are_asked_for_there_alone(start_server: Start, service: Service) -> None:
    pair = Pair(start_server, "--user-api-url", service.url, "--cache-ttl-s", "4")
    with ThreadPoolExecutor(40) as pool:  # all at once, at both
        asked = pool.map(lambda n: get((pair.here, pair.there)[n % 2], "pause").json()["data"], range(80))
        assert list(asked) == [GOOD] * 80
    assert [request["path"] for request in service.asked()] == ["/users/pause"]

    assert get(pair.here, "1").json() == {"source": "api", "data": GOOD}
    assert get(pair.there, "1").json() == {"source": "redis-cache", "data": GOOD}
    assert get(pair.here, "2").status_code == 404
    assert get(pair.here, "redirect").status_code == 503
    refused = put(pair.here, "1")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert "USER_API_URL" in refused.json()["detail"]

    service.break_down()
    wait_until(lambda: "detail=source-unavailable" in get(pair.there, "1").headers["Cache-Status"], 30)
    assert get(pair.here, "1").json() == {"source": "redis-cache", "data": GOOD}
