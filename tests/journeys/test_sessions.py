"""Sessions end to end: two instances on one store, real cookies, real connections."""

import threading
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
import requests
import socketio

from dashboard.store.client import connect
from tests.conftest import ServerProcess
from tests.store.servers import valkey

KEY = "operators-only"
JSON = {"Content-Type": "application/json"}


class Pair:
    """An instance in each async mode, on one store."""

    def __init__(self, folder: Path) -> None:
        env = {"OPERATOR_KEY": KEY, "SECRET_KEY": "pepper", "RATE_LIMITS": ""}
        self.folder = folder
        self.first = ServerProcess(data_dir=folder, env=env)
        self.second = ServerProcess("--async-mode", "threading", data_dir=folder, env=env)

    @property
    def servers(self) -> tuple[ServerProcess, ServerProcess]:
        return self.first, self.second


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    pair = Pair(tmp_path_factory.mktemp("s"))
    yield pair
    for server in pair.servers:
        server.stop()


def call(server: ServerProcess, method: str, path: str, cookie: str | None = None, **options: Any) -> requests.Response:
    headers = {**({"Cookie": f"scorecast={cookie}"} if cookie else {}), **JSON, **options.pop("headers", {})}
    return requests.request(method, f"{server.url}/api/v1{path}", headers=headers, timeout=20, **options)


def sign_in(server: ServerProcess, name: str, **more: str) -> str:
    answer = call(server, "POST", "/session", json={"name": name, **more})
    assert answer.status_code == 201, answer.text
    return str(answer.cookies["scorecast"])


class Watcher:
    """A connection with a session's cookie, or with none, that notes its notices and its end."""

    def __init__(self, server: ServerProcess, cookie: str | None, before: str = "") -> None:
        self.notices: list[dict[str, Any]] = []
        self.ended = threading.Event()
        self.client = socketio.Client(reconnection=False, handle_sigint=False)
        self.client.on("notice", self.notices.append)
        self.client.on("disconnect", lambda *_: self.ended.set())
        headers = {"Cookie": f"{before}scorecast={cookie}"} if cookie else {}
        self.client.connect(server.url, headers=headers, transports=["websocket"])
        assert "error" not in self.client.call("subscribe", {"topic": "sessions"})


def test_a_thousand_reads_at_one_instance_of_what_the_other_wrote_are_equal(pair: Pair) -> None:
    cookie = sign_in(pair.first, "reader")
    with requests.Session() as writer, requests.Session() as reader:
        for caller in (writer, reader):
            caller.headers.update(JSON | {"Cookie": f"scorecast={cookie}"})
        for n in range(1000):
            wrote = writer.patch(f"{pair.first.url}/api/v1/session", json={"player": f"p{n}"}, timeout=20).json()
            read = reader.get(f"{pair.second.url}/api/v1/session", timeout=20).json()
            assert read == wrote
            assert read["preferences"]["player"] == f"p{n}"


def test_a_planted_id_is_not_adopted_and_the_id_changes_at_every_sign_in(pair: Pair) -> None:
    planted = "A" * 43
    answer = call(pair.first, "POST", "/session", planted, json={"name": "victim"})
    first = answer.cookies["scorecast"]
    assert first != planted
    assert call(pair.second, "GET", "/session", planted).status_code == 401
    second = call(pair.second, "POST", "/session", first, json={"name": "victim"}).cookies["scorecast"]
    assert second != first
    assert [call(s, "GET", "/session", first).status_code for s in pair.servers] == [401, 401]
    assert [call(s, "GET", "/session", second).status_code for s in pair.servers] == [200, 200]


def test_tampering_and_replay_after_sign_out_are_refused_at_both_instances(pair: Pair) -> None:
    cookie = sign_in(pair.first, "ada")
    changed = ("b" if cookie[0] == "a" else "a") + cookie[1:]
    handle = call(pair.first, "GET", "/session", cookie).json()["handle"]
    for server in pair.servers:
        for forged in (changed, cookie[:-1], handle, "é", ""):
            answer = call(server, "GET", "/session", forged.encode().decode("latin-1"))
            assert answer.status_code == 401
            assert answer.json()["code"] == "signed-out"
    assert call(pair.second, "DELETE", "/session", cookie).status_code == 204
    for server in pair.servers:
        assert call(server, "GET", "/session", cookie).status_code == 401
        assert call(server, "PATCH", "/session", cookie, json={"theme": "dark"}).status_code == 401


def test_only_a_digest_is_in_redis(pair: Pair) -> None:
    cookie = sign_in(pair.first, "secretive")
    redis = connect(f"unix://{pair.folder}/store/valkey.sock")
    dump = b"".join(key + (redis.dump(key) or b"") for key in redis.scan_iter(count=1000))
    handle = call(pair.first, "GET", "/session", cookie).json()["handle"]
    redis.close()
    assert cookie.encode() not in dump
    assert handle.encode() in dump, "control: the dump holds the session"


def test_the_cookie_has_its_flags_and_visitors_get_none(pair: Pair) -> None:
    def cookies(headers: dict[str, str]) -> SimpleCookie:
        answer = call(pair.first, "POST", "/session", json={"name": "ada"}, headers=headers)
        return SimpleCookie(answer.headers["Set-Cookie"])

    plain = cookies({})["scorecast"]
    assert plain["httponly"]
    assert plain["samesite"] == "Lax"
    assert not plain["secure"]
    assert plain["path"] == "/"
    secure = cookies({"X-Forwarded-Proto": "https"})["__Host-scorecast"]
    assert secure["httponly"]
    assert secure["samesite"] == "Lax"
    assert secure["secure"]
    assert secure["path"] == "/"
    for path in ("/", "/api/v1/boards", "/static/js/main.js", "/api/v1/session"):
        assert "Set-Cookie" not in requests.get(pair.first.url + path, timeout=20).headers


FOREIGN = ['prefs={"a": 1}', "a[b]=c", "x=\xe4", "no value"]


@pytest.mark.parametrize("foreign", FOREIGN)
def test_cookies_of_other_programs_on_the_host_take_nothing_away(pair: Pair, foreign: str) -> None:
    """Cookies know no ports: what another program on localhost has set comes along, before ours or behind it."""
    cookie = sign_in(pair.first, "ada")
    for server in pair.servers:
        for header in (f"{foreign}; scorecast={cookie}", f"scorecast={cookie}; {foreign}"):
            assert call(server, "GET", "/session", headers={"Cookie": header}).status_code == 200
        assert call(server, "GET", "/boards", headers={"Cookie": foreign}).status_code == 200


@pytest.mark.parametrize("foreign", [cookie for cookie in FOREIGN if cookie.isascii()])
def test_connections_are_closed_whatever_other_cookies_came_with_them(pair: Pair, foreign: str) -> None:
    cookie = sign_in(pair.first, "ada")
    watchers = [Watcher(pair.first, f"{cookie}; {foreign}"), Watcher(pair.second, cookie, f"{foreign}; ")]
    assert call(pair.first, "DELETE", "/session", cookie).status_code == 204
    assert all(watcher.ended.wait(5) for watcher in watchers)


@pytest.mark.parametrize("name", ["counts", "role:viewer", "of:viewer:ada", "kept:viewer:ada", "a" * 63, "A" * 64])
def test_other_keys_are_no_sessions(pair: Pair, name: str) -> None:
    cookie = sign_in(pair.first, "ada")
    assert call(pair.first, "PATCH", "/session", cookie, json={"theme": "dark"}).status_code == 200
    for credentials in ({"Cookie": f"scorecast={cookie}"}, {"X-API-Key": KEY}):
        answer = call(pair.first, "DELETE", f"/sessions/{name}", headers=credentials)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_a_late_answer_to_the_old_id_does_not_take_the_new_one_away(pair: Pair) -> None:
    """What was on its way when its viewer signed in again is answered after that; the browser has the new cookie then."""
    old = sign_in(pair.first, "ada")
    again = call(pair.first, "POST", "/session", old, json={"name": "ada"})
    late = call(pair.second, "GET", "/session", old)
    assert late.status_code == 401
    assert "Set-Cookie" not in late.headers
    assert call(pair.second, "GET", "/session", again.cookies["scorecast"]).status_code == 200


def test_writes_by_cookie_must_be_meant(pair: Pair) -> None:
    cookie = sign_in(pair.first, "ada")
    foreign, own = {"Origin": "https://evil.example"}, {"Origin": pair.first.url}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for method, path in (("POST", "/session"), ("PATCH", "/session"), ("DELETE", "/session"), ("DELETE", "/sessions")):
        assert call(pair.first, method, path, cookie, headers=foreign, data="{}").status_code == 403
        assert call(pair.first, method, path, cookie, headers=form).status_code == 403
    assert call(pair.first, "GET", "/session", cookie).status_code == 200
    assert call(pair.first, "DELETE", "/session", cookie, headers=form | own).status_code == 204


def test_an_operators_session_counts_as_the_key_and_a_viewers_does_not(pair: Pair) -> None:
    call(pair.first, "POST", "/boards/opera/scores", json={"player": "x", "score": 1})
    wrong = call(pair.first, "POST", "/session", json={"name": "root", "operator_key": "no"})
    assert wrong.status_code == 401
    assert "Set-Cookie" not in wrong.headers
    viewer, operator = sign_in(pair.first, "root"), sign_in(pair.first, "root", operator_key=KEY)
    remove = ("DELETE", "/boards/opera/players/x")
    reason = {"reason": "cheated"}
    assert call(pair.second, *remove, viewer, json=reason).status_code == 401
    foreign = {"Origin": "https://evil.example"}
    assert call(pair.second, *remove, operator, json=reason, headers=foreign).status_code == 403
    assert call(pair.second, *remove, operator, json=reason).status_code == 200


def test_one_sees_and_ends_ones_own_and_an_operator_everybodys(pair: Pair) -> None:
    mine, other = sign_in(pair.first, "lister"), sign_in(pair.second, "lister")
    stranger = sign_in(pair.first, "stranger")
    listed = call(pair.first, "GET", "/sessions", mine).json()["sessions"]
    assert sorted(s["current"] for s in listed) == [False, True]
    assert {s["name"] for s in listed} == {"lister"}
    foreign = call(pair.first, "GET", "/session", stranger).json()["handle"]
    assert call(pair.first, "DELETE", f"/sessions/{foreign}", mine).status_code == 404
    second = next(s["handle"] for s in listed if not s["current"])
    assert call(pair.first, "DELETE", f"/sessions/{second}", mine).status_code == 204
    assert call(pair.second, "GET", "/session", other).status_code == 401
    assert call(pair.first, "DELETE", "/sessions?all=true", mine).status_code == 422
    assert call(pair.first, "DELETE", "/sessions", headers={"X-API-Key": KEY}).status_code == 422, "a key has none"
    operator = sign_in(pair.first, "boss", operator_key=KEY)
    names = {s["name"] for s in call(pair.first, "GET", "/sessions", operator).json()["sessions"]}
    assert {"lister", "stranger", "boss"} <= names
    assert call(pair.first, "DELETE", f"/sessions/{foreign}", operator).status_code == 204
    assert call(pair.second, "GET", "/session", stranger).status_code == 401


def test_preferences_follow_the_name_and_unknown_ones_are_refused(pair: Pair) -> None:
    cookie = sign_in(pair.first, "wisher")
    assert call(pair.first, "PATCH", "/session", cookie, json={"colour": "red"}).status_code == 422
    call(pair.first, "PATCH", "/session", cookie, json={"player": "ada", "theme": "dark"})
    answer = call(pair.second, "PATCH", "/session", cookie, json={"theme": None, "board": "arena"}).json()
    wished = {"player": "ada", "theme": None, "board": "arena"}
    assert answer["preferences"] == wished
    assert call(pair.second, "POST", "/session", json={"name": "wisher"}).json()["preferences"] == wished


def test_connections_of_an_ended_session_close_within_a_second_everywhere_and_others_stay(pair: Pair) -> None:
    cookie, other = sign_in(pair.first, "watcher"), sign_in(pair.first, "bystander")
    ours = [Watcher(server, cookie) for server in pair.servers]
    others = [Watcher(server, whose) for server in pair.servers for whose in (other, None)]
    try:
        begun = time.monotonic()
        assert call(pair.second, "DELETE", "/sessions", cookie).json() == {"ended": 1}
        assert all(watcher.ended.wait(1 - (time.monotonic() - begun)) for watcher in ours)
        assert [[notice["code"] for notice in watcher.notices] for watcher in ours] == [["session-ended"]] * 2
        for watcher in others:
            assert watcher.client.call("unsubscribe", {"topic": "sessions"}) == {"topic": "sessions"}
    finally:
        for watcher in (*ours, *others):
            watcher.client.disconnect()


def test_the_sweep_closes_connections_whose_session_ended_in_silence(pair: Pair) -> None:
    cookie = sign_in(pair.first, "silent")
    ours = [Watcher(server, cookie) for server in pair.servers]
    redis = connect(f"unix://{pair.folder}/store/valkey.sock")
    handle = call(pair.first, "GET", "/session", cookie).json()["handle"]
    (key,) = redis.scan_iter(f"*{handle}", count=1000)
    redis.delete(key)  # as when its time runs out
    redis.close()
    assert all(watcher.ended.wait(5) for watcher in ours)


def test_sign_ins_are_limited_and_without_redis_pages_open_and_nobody_signs_in(tmp_path: Path) -> None:
    with valkey() as redis:
        env = {"RATE_LIMITS": "login:2/minute/address"}
        server = ServerProcess("--redis-url", redis.url, "--workers", "0", data_dir=tmp_path, env=env)
        try:
            cookie = sign_in(server, "ada")
            guess = {"name": "ada", "operator_key": "guess"}
            assert [call(server, "POST", "/session", json=guess).status_code for _ in range(2)] == [403, 429]
            redis.process.kill()
            redis.process.wait()
            for who in (None, cookie):
                headers = {"Cookie": f"scorecast={who}"} if who else {}
                assert requests.get(server.url, headers=headers, timeout=20).status_code == 200
            refused = call(server, "POST", "/session", json={"name": "ada"})
            assert (refused.status_code, refused.json()["code"]) == (503, "store-unavailable")
            assert "Set-Cookie" not in refused.headers
            shown = call(server, "GET", "/session", cookie)
            assert shown.status_code == 503, "a session that cannot be read is not over"
            assert "Set-Cookie" not in shown.headers
        finally:
            server.stop()
