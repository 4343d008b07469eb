"""HTTP on the wire: bodies of unknown length, paths of any kind, connections that go on after an error."""

import json
import unicodedata
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.web.bodies import MAX_BYTES
from dashboard.web.problems import MEDIA_TYPE
from tests.conftest import ServerProcess
from tests.web.raw import Answer, Line, chunked, request

NAMES = [
    *("Łukasz", "李小龍", "محمد", "नमस्ते", "🏆 champ", "e\u0301", "\u200f", "'\"<b>", "{x}", "~tilde", "a:b;c&d=e"),
    *("a b", " a ", "a+b", "100%", "%2F", "%41", "?x=1", "#1", "a\\b", "a/b", "/a", "a/", "//", "a//b", "/"),
    *("around", "x/around", "around/around", "/around", ".", "..", "../..", "a/../b", "x/../../../../healthz"),
]


@pytest.fixture
def line(server: ServerProcess) -> Iterator[Line]:
    with Line(server.url) as opened:
        yield opened


def is_problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    document: dict[str, Any] = answer.json()
    assert (answer.status, document["status"], document["code"]) == (status, status, code)
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert document["type"] == f"urn:scorecast:problem:{code}"
    assert document["title"]
    assert document["detail"]
    return document


def score(player: str = "a", points: int = 1) -> bytes:
    return json.dumps({"player": player, "score": points}).encode()


# Bodies ---------------------------------------------------------------------------------------------------------------


def test_a_body_in_chunks_is_read(line: Line, board: str) -> None:
    body = json.dumps({"scores": [{"player": f"p{n}", "score": n} for n in range(1000)]}).encode()
    answer = line.ask("POST", f"/api/v1/boards/{board}/scores", chunked(body), "Transfer-Encoding: chunked")
    assert answer.status == 200, answer.body
    assert len(answer.json()["results"]) == 1000


def test_a_body_over_the_limit_is_413_whether_announced_or_not(server: ServerProcess, board: str) -> None:
    path = f"/api/v1/boards/{board}/scores"
    long = score("a" * MAX_BYTES)
    spaced = score("a") + b" " * (MAX_BYTES + 1 - len(score("a")))
    for body, *headers in ((long,), (spaced,), (chunked(long, 65_536), "Transfer-Encoding: chunked")):
        with Line(server.url) as line:
            is_problem(line.ask("POST", path, body, *headers), 413, "too-large")
    with Line(server.url) as line:  # refused before it is sent
        is_problem(line.ask("POST", path, b"", "Content-Length: 99999999999"), 413, "too-large")


def test_chunks_that_are_none_are_400(line: Line, board: str) -> None:
    path = f"/api/v1/boards/{board}/scores"
    is_problem(line.ask("POST", path, b"zz\r\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), 400, "malformed")


@pytest.mark.parametrize("length", ["x", "-1", "1.5"])
def test_a_length_that_is_none_is_400(line: Line, board: str, length: str) -> None:
    path = f"/api/v1/boards/{board}/scores"
    assert line.ask("POST", path, b"", f"Content-Length: {length}").status == 400


def test_a_connection_goes_on_after_an_error_or_is_closed_in_good_order(server: ServerProcess, board: str) -> None:
    """Above all the unread body of a refused request is never taken for the next request."""
    scores, trap = f"/api/v1/boards/{board}/scores", b"DELETE /api/v1/boards/x HTTP/1.1\r\n\r\n"
    refused = [
        (request("POST", "/nowhere", trap), 404),
        (request("PATCH", scores, trap), 405),
        (request("POST", scores, trap, "Content-Type: text/plain"), 415),
        (request("POST", scores, trap), 400),
        (request("POST", scores, chunked(trap), "Content-Type: text/plain", "Transfer-Encoding: chunked"), 415),
        (request("POST", scores, b'{"player":""}'), 422),
        (request("GET", scores + "/x"), 404),
    ]
    for data, status in refused:
        with Line(server.url) as line:
            line.send(data)
            answer = line.answer()
            assert answer.status == status
            if answer.headers.get("connection") == "close":
                assert line.over
            else:
                assert line.ask("GET", "/healthz").json() == {"status": "alive"}


def test_requests_sent_ahead_are_answered_in_their_order(server: ServerProcess, board: str) -> None:
    with Line(server.url) as line:
        line.send(b"".join(request("POST", f"/api/v1/boards/{board}/scores", score("a", n)) for n in range(5)))
        answer = line.answer()
        assert answer.json()["score"] == 0
        if answer.headers.get("connection") == "close":
            return  # this server takes one request per connection, and says so
        assert [line.answer().json()["score"] for _ in range(4)] == [1, 2, 3, 4]


# Paths ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_player_of_any_name_is_found_by_its_address(line: Line, server: ServerProcess, board: str, name: str) -> None:
    player = unicodedata.normalize("NFC", name)
    body = json.dumps(
        {"scores": [{"player": name, "score": 5}, {"player": "b", "score": 3}, {"player": "x", "score": 1}]}
    )
    with Line(server.url) as first:
        assert first.ask("POST", f"/api/v1/boards/{board}/scores", body.encode()).status == 200
    address = f"/api/v1/boards/{board}/players/{quote(name, safe='')}"
    place = line.ask("GET", address)
    assert (place.status, place.json()["player"], place.json()["score"]) == (200, player, 5), place.body
    with Line(server.url) as second:
        around = second.ask("GET", f"{address}/around?radius=1").json()
    assert [row["player"] for row in around["rows"]] == [player, "b"]
    with Line(server.url) as third:
        gone = third.ask("DELETE", address, b'{"reason":"test"}').json()
    assert gone["player"] == player


def test_a_name_sent_as_plain_utf8_is_found_too(line: Line, server: ServerProcess, board: str) -> None:
    """curl sends what is typed."""
    with Line(server.url) as first:
        first.ask("POST", f"/api/v1/boards/{board}/scores", score("Zoë/李", 7))
    assert line.ask("GET", f"/api/v1/boards/{board}/players/Zoë/李").json()["score"] == 7


def test_a_path_that_is_not_utf8_is_400_and_names_nobody(server: ServerProcess, board: str) -> None:
    """Read with U+FFFD in the place of what is broken, it would name another player, even to remove one."""
    replaced = "\ufffd"
    with Line(server.url) as line:
        line.ask("POST", f"/api/v1/boards/{board}/scores", score(replaced, 7))
    for broken in (b"\xff", b"\xc3", b"\xed\xa0\x80"):
        address = f"/api/v1/boards/{board}/players/{quote_from_bytes(broken)}"
        for method, body in (("GET", None), ("DELETE", b'{"reason":"test"}')):
            with Line(server.url) as line:
                is_problem(line.ask(method, address, body), 400, "malformed")
    with Line(server.url) as line:
        line.send(b"GET /api/v1/boards/x/players/\xff HTTP/1.1\r\nHost: x\r\n\r\n")
        is_problem(line.answer(), 400, "malformed")
    with Line(server.url) as line:
        assert line.ask("GET", f"/api/v1/boards/{board}/players/{quote(replaced)}").json()["score"] == 7


def test_a_control_character_in_a_path_is_refused(server: ServerProcess, board: str) -> None:
    for code in ("%00", "%0A", "%0d", "%1F", "%1f", "%7F", "%C2%80"):
        with Line(server.url) as line:
            assert line.ask("GET", f"/api/v1/boards/{board}/players/a{code}b").status in (400, 404, 422)
        with Line(server.url) as line:
            line.ask("POST", f"/api/v1/boards/{board}/scores", score("a/b", 7))
        with Line(server.url) as line:
            assert line.ask("GET", f"/api/v1/boards/{board}/players/a{code}b").status in (400, 422)


def test_double_slashes_are_not_redirected(server: ServerProcess) -> None:
    for path in ("/api/v1//boards", "/api/v1/boards/", "/api/v1/boards//top"):
        with Line(server.url) as line:
            assert line.ask("GET", path).status in (404, 422)


# Methods --------------------------------------------------------------------------------------------------------------

CALLS = {
    "/api/v1/boards": {"GET"},
    "/api/v1/boards/b": {"GET", "PUT", "DELETE"},
    "/api/v1/boards/b/scores": {"POST"},
    "/api/v1/boards/b/top": {"GET"},
    "/api/v1/boards/b/players/p": {"GET", "DELETE"},
    "/api/v1/boards/b/players/p/around": {"GET"},
    "/api/v1/boards/b/standings": {"POST"},
    "/api/v1/boards/b/history": {"GET"},
    "/api/v1/boards/b/moments": {"GET"},
    "/healthz": {"GET"},
    "/readyz": {"GET"},
    "/metrics": {"GET"},
}


@pytest.mark.parametrize("path", CALLS)
def test_every_other_method_is_405_and_says_which_are_allowed(server: ServerProcess, path: str) -> None:
    allowed = CALLS[path] | {"OPTIONS"} | ({"HEAD"} if "GET" in CALLS[path] else set())
    if path.endswith("/around"):
        allowed |= {"DELETE"}  # of a player whose name ends like that
    for method in {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"} - allowed:
        with Line(server.url) as line:
            answer = line.ask(method, path)
            assert answer.status == 405
            assert {word.strip() for word in answer.headers["allow"].split(",")} == allowed
            if method != "HEAD":
                is_problem(answer, 405, "method-not-allowed")
    with Line(server.url) as line:
        answer = line.ask("OPTIONS", path)
        assert (answer.status, answer.body) == (200, b"")
        assert {word.strip() for word in answer.headers["allow"].split(",")} == allowed


def test_head_is_get_without_its_body(server: ServerProcess) -> None:
    for path in ("/api/v1/boards", "/healthz", "/nowhere", "/api/v1/boards/absent"):
        with Line(server.url) as one, Line(server.url) as two:
            head, get = one.ask("HEAD", path), two.ask("GET", path)
        assert (head.status, head.headers["content-type"]) == (get.status, get.headers["content-type"])
        assert head.headers["content-length"] == get.headers["content-length"]


# Anything -------------------------------------------------------------------------------------------------------------

segments = st.sampled_from(
    [
        *("api", "v1", "boards", "fuzz-a", "fuzz-b", "scores", "top", "players", "around", "standings", "history", "p"),
        *("%2F", "%00", "%ff", "..", "", "%F0%9F%98%80", "a" * 300, "healthz", "readyz", "{x}", "*", "~", "%zz", "+"),
    ]
)
boards = st.tuples(st.sampled_from(["fuzz-a", "fuzz-b", "%20", "x" * 65, "é"]), st.lists(segments, max_size=3)).map(
    lambda parts: "/api/v1/boards/" + "/".join([parts[0], *parts[1]])
)
paths = boards | st.lists(segments, max_size=6).map(lambda parts: "/" + "/".join(parts))
queries = st.lists(
    st.tuples(
        st.sampled_from(["limit", "period", "at", "cursor", "radius", "from", "to", "step", "x", "%ff", ""]),
        st.sampled_from(
            ["0", "1", "1000", "-1", "1e3", "all", "day", "x", "", "%ff", "2026-01-01", "9" * 30, "W10", "%00"]
        ),
    ),
    max_size=3,
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))
fields = st.dictionaries(
    st.sampled_from(
        ["player", "score", "at", "scores", "players", "rule", "order", "periods", "reason", "late_s", "x"]
    ),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers() | st.text()),
)
bodies = st.none() | st.binary(max_size=30) | fields.map(lambda value: json.dumps(value).encode())


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"]),
    path=paths,
    query=queries,
    body=bodies,
    media=st.sampled_from(["application/json", "application/json; charset=latin-1", "text/plain", "", "%"]),
)
def test_no_request_makes_the_server_fail(
    server: ServerProcess, method: str, path: str, query: str, body: bytes | None, media: str
) -> None:
    with Line(server.url) as line:
        answer = line.ask(method, f"{path}?{query}" if query else path, body, f"Content-Type: {media}")
    assert answer.status < 500
    if answer.body and path.strip("/"):  # slashes alone are the page
        document = answer.json()
        if answer.status >= 400:
            assert is_problem(answer, answer.status, document["code"])
        else:
            assert answer.headers["content-type"] == "application/json"


def test_the_server_said_nothing_of_mistakes_of_its_own(server: ServerProcess) -> None:
    """Runs after the requests above."""
    mistakes = [words for words in server.errors if "Traceback" in words or "request failed" in words]
    assert not mistakes, "".join(server.errors)
