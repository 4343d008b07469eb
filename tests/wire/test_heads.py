"""Heads that are read at once are read as the standard library reads them, to the byte."""

import io
import random
from typing import Any

import pytest
from eventlet import wsgi

from dashboard.wire.heads import QuickHeads
from dashboard.wire.whole_heads import WholeHeads

FIRST = [b"GET / HTTP/1.1", b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1", b"POST /a%2Fb?x=1 HTTP/1.1"]
ODD_FIRST = [b"GET // HTTP/1.1", b"GET / HTTP/1.0", b"GET http://a/ HTTP/1.1", b"get / HTTP/1.1", b"GET  / HTTP/1.1"]
LINES = [
    *(b"Host: a:80", b"host:b", b"Connection: Upgrade", b"Connection: close", b"connection: KEEP-ALIVE", b"X:"),
    *(b"Cookie: a=b; c=d", b"X: \t tab\tinside", b"Content-Length: 3", b"Upgrade: websocket", b"X-Y:  two  spaces"),
]
ODD_LINES = [
    b"X: behind ",
    b" folded",
    b"no colon",
    b"X : y",
    b"X: \xe9",
    b"X: a\rb",
    b": nameless",
    b"Expect: 100-continue",
]
BODY = b"{}\r\n\r\nGET"


class Slow(WholeHeads, wsgi.HttpProtocol):  # type: ignore[misc]
    """As the standard library reads them, if they are whole."""


def outcome(protocol: type[Any], sent: bytes) -> tuple[object, ...]:
    """What is known of a request after its head was read, what was answered meanwhile, and which bytes come next."""

    class Quiet(protocol):  # type: ignore[misc]
        def __init__(self) -> None:
            """No connection."""

    one, stream = Quiet(), io.BufferedReader(io.BytesIO(sent))
    one.wfile, one.protocol_version, one.client_address = io.BytesIO(), "HTTP/1.1", ("127.0.0.1", 1)
    one.log_message = lambda *_: None
    one.raw_requestline = stream.readline()
    one.rfile = wsgi.FileObjectForHeaders(stream)
    good = one.parse_request()
    answered = one.wfile.getvalue().partition(b"Date:")[0]
    if not good:
        return False, answered, stream.read()
    headers = one.headers.items()
    return (
        *(one.command, one.path, one.request_version, one.requestline, bool(one.close_connection), headers),
        *(one.headers.get_content_type(), answered, stream.read()),
    )


def head(first: bytes, lines: list[bytes]) -> bytes:
    return b"\r\n".join([first, *lines]) + b"\r\n\r\n"


def test_any_head_is_read_as_the_standard_library_reads_it() -> None:
    dice = random.Random(5)
    for _ in range(3000):
        first = dice.choice(FIRST + ODD_FIRST * (dice.random() < 0.2))
        lines = dice.choices(LINES + ODD_LINES * (dice.random() < 0.3), k=dice.choice([0, 1, 3, 6, 6, 70]))
        sent = head(first, lines) + BODY
        if dice.random() < 0.1:
            sent = sent[: dice.randrange(len(sent))]
        assert outcome(QuickHeads, sent) == outcome(Slow, sent), sent


@pytest.mark.parametrize("line", LINES)
def test_control_plain_heads_go_the_quick_way(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(QuickHeads, "_parse_slowly")
    assert outcome(QuickHeads, head(FIRST[1], [line]) + BODY)[0] == "GET"


@pytest.mark.parametrize("line", ODD_LINES)
def test_control_odd_lines_do_not(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(QuickHeads, "_parse_slowly")
    with pytest.raises(AttributeError):
        outcome(QuickHeads, head(FIRST[1], [b"Host: a", line]) + BODY)
