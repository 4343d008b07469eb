"""Who may connect, and where the server listens."""

import socket
from contextlib import suppress

import pytest
from werkzeug.test import Client

from dashboard.errors import StartFailed
from dashboard.web.server import listen, make_flask, make_socketio
from tests.conftest import Api, ServerProcess
from tests.web.raw import Line, request

GAME = "https://game.example"


def knock(origins: list[str], origin: str, host: str = "127.0.0.1:8000", **headers: str) -> int:
    """The status of a page's first request for Socket.IO."""
    flask = make_flask([])
    make_socketio(flask, "threading", origins)
    page = {"Origin": origin, "Host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
    with Client(flask).get("/socket.io/?EIO=4&transport=polling", headers=page) as answer:
        return answer.status_code


@pytest.mark.parametrize("origins", [[], [GAME], [GAME, "http://other.example:81"], ["*"]])
def test_our_own_page_may_always_connect(origins: list[str]) -> None:
    assert knock(origins, "http://127.0.0.1:8000") == 200
    assert knock(origins, "https://score.example", host="score.example", X_Forwarded_Proto="https") == 200


def test_pages_of_allowed_origins_may_connect_and_others_not() -> None:
    assert knock([GAME], GAME) == 200
    assert knock([], GAME) == 400
    assert knock(["*"], "https://evil.example") == 200
    for evil in ("https://evil.example", f"{GAME}.evil.example", "http://game.example", f"{GAME}:8443", "null", "x"):
        assert knock([GAME], evil) == 400
        assert knock([], evil) == 400


def test_a_port_is_never_shared_in_silence() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(StartFailed, match=rf"HOST=127.0.0.1 PORT={port}: Address already in use. Set another PORT"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid", "x" * 300, "\u0130"])
def test_an_address_that_is_not_ours_is_refused_in_one_line(host: str) -> None:
    with pytest.raises(StartFailed) as refused:
        listen(host, 0)
    assert "HOST" in refused.value.detail.rpartition(".")[0].rpartition(". ")[2], "the remedy names HOST"
    assert len(refused.value.detail.splitlines()) == 1


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_ipv6_is_listened_on() -> None:
    with listen("::1", 0) as listener:
        assert listener.family == socket.AF_INET6


def test_a_request_torn_in_its_head_is_not_done(server: ServerProcess, api: Api, board: str) -> None:
    """Its headers could say that it is another one: how long it is, on which condition, by whose right."""
    whole = request("DELETE", f"/api/v1/boards/{board}", None, "X-Other: 1")
    api.put(f"/boards/{board}", {"rule": "best"})
    for length in range(1, len(whole)):
        with Line(server.url) as line:
            line.send(whole[:length])
            line.finish()
            with suppress(EOFError):
                assert line.answer().status == 400, whole[:length]
    assert api.call("GET", f"/boards/{board}").status_code == 200
    with Line(server.url) as line:
        line.send(whole)
        line.finish()
        assert line.answer().status == 204


def test_a_torn_request_leaves_no_line_in_the_log(server: ServerProcess) -> None:
    before = len(server.errors)
    for part in (b"PO", b"POST /api/v1/bo", b"POST /api/v1/boards/torn/scores HT"):
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), 10) as torn:
            torn.sendall(part)
            torn.shutdown(socket.SHUT_WR)
            while torn.recv(1000):
                pass
    assert server.errors[before:] == []
