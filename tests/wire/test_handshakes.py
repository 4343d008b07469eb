"""Handshakes that the hub answers are answered as the ordinary way answers them, and the application is given the same."""

import random
import re
import socket

import pytest

from tests.store.hold import wait_until
from tests.wire.client import HANDSHAKE, ORDINARY, Raw
from tests.wire.conftest import Site

PATH = "/socket.io/?EIO=4&transport=websocket"
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
GOOD = ["Host: x", "Upgrade: websocket", "Connection: Upgrade", KEY, "Sec-WebSocket-Version: 13"]
PLAIN = [
    *("Origin: http://x", "Cookie: a=b; scorecast=c", "X-API-Key: k", "Accept-Language: de, en;q=0.5", "X-Empty:"),
    *(
        "Sec-WebSocket-Protocol: one",
        "X_Under: dropped",
        "X-Two:  blanks  within",
        "Cache-Control: no-cache",
        "Pragma:\tx",
    ),
]
ODD = [
    *("Host: y", "Cookie: a=c", "Origin: http://evil", "Origin:", "Expect: 100-continue", "Content-Length: 0"),
    *("Content-Type: a/b", "Transfer-Encoding: chunked", "X: \xe9", "X: behind ", " folded", "no colon", "X : y"),
    *("Connection: keep-alive", KEY, "Upgrade: h2c", "X-Forwarded-Host: evil", "Accept-Encoding: gzip"),
]
SWAPS = {
    "Connection: Upgrade": ["connection: keep-alive, Upgrade", "Connection: UPGRADE", "Connection: close", "X: y"],
    "Upgrade: websocket": ["upgrade: WebSocket", "Upgrade: h2c", "Upgrade:", "X: y"],
    KEY: ["sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Key: short", "Sec-WebSocket-Key: \x7f", "X: y"],
    "Sec-WebSocket-Version: 13": ["SEC-WEBSOCKET-VERSION: 13", "Sec-WebSocket-Version: 8", "X: y"],
    "Host: x": ["HOST: x", "Host: evil", "X: y"],
}
FIRST = [
    *(f"GET {PATH} HTTP/1.1", f"GET {PATH}&t=Oa3.-_ HTTP/1.1", "GET /socket.io/?transport=websocket&EIO=4 HTTP/1.1"),
    *(f"GET {PATH} HTTP/1.0", f"POST {PATH} HTTP/1.1", f"GET {PATH}&sid=none HTTP/1.1", f"GET {PATH}&EIO=4 HTTP/1.1"),
    *("GET /socket.io/?EIO=3&transport=websocket HTTP/1.1", "GET /socket.io/?EIO=4&transport=smoke HTTP/1.1"),
    *(
        f"GET {PATH}&t=%20 HTTP/1.1",
        f"GET {PATH}&j=x HTTP/1.1",
        f"GET {PATH}  HTTP/1.1",
        "GET /socket.io?EIO=4 HTTP/1.1",
    ),
]


def some_handshake(chance: random.Random) -> list[str]:
    """Its lines. One in two is what a browser might send."""
    lines = list(GOOD) + chance.sample(PLAIN, chance.randint(0, 4))
    first = chance.choice(FIRST[:3])
    if chance.random() < 0.5:
        first = chance.choice(FIRST) if chance.random() < 0.5 else first
        for line in GOOD:
            if chance.random() < 0.15:
                lines[lines.index(line)] = chance.choice(SWAPS[line])
        lines += [line for line in ODD if chance.random() < 0.04]
    chance.shuffle(lines)
    return [first, *lines]


def exchange(port: int, data: bytes, pieces: list[int]) -> bytes:
    """All that is answered to bytes, cut in pieces, and to the end of what is sent; without what differs each time."""
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found = b""
        try:
            for start, end in zip([0, *pieces], [*pieces, len(data)], strict=True):
                line.sendall(data[start:end])
            line.shutdown(socket.SHUT_WR)
            while more := line.recv(65_536):
                found += more
        except ConnectionError:  # it closed the connection without having read everything
            pass
    return re.sub(rb'"sid":"[^"]{20}"|Date: [^\r]*', b"", found)


def compare(site: Site, seed: int, count: int) -> int:
    """Send so many handshakes both ways; how many the hub answered."""
    chance, before = random.Random(seed), site.get("/state")["hot"]
    for _ in range(count):
        first, *lines = some_handshake(chance)
        fast = "\r\n".join([first, *lines, "", ""]).encode("latin-1")
        plain = fast[:-2] + ORDINARY.encode() + b"\r\n"
        pieces = sorted(chance.sample(range(1, len(fast)), chance.choice([0, 0, 1, 3])))
        assert exchange(site.port, fast, pieces) == exchange(site.port, plain, []), (seed, fast)
    hot: int = site.get("/state")["hot"] - before
    return hot


def test_both_ways_answer_alike_and_leave_nothing_behind(site: Site) -> None:
    compare(site, 1, 20)
    wait_until(lambda: site.tables()["connections"] == 0)
    before = site.tables()
    assert 60 < compare(site, 2, 300) < 300, "a control: many were answered in the hub, and not all"
    site.comes_back_to(before)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3, 8))
def test_both_ways_agree_on_thousands_of_handshakes(site: Site, seed: int) -> None:
    assert compare(site, seed, 1500) > 300


@pytest.mark.parametrize("line", ["", *PLAIN])
def test_the_application_is_given_the_same_environ(site: Site, line: str) -> None:
    header, before, found = f"{line}\r\n" if line else "", site.get("/state")["hot"], []
    for more in ("", ORDINARY):
        with Raw(site.port, header=header + more) as client:
            environ = site.do("environ", to=client.sid)
            assert int(environ.pop("REMOTE_PORT")) == client.socket.getsockname()[1]
            found.append(environ)
    assert found[0] == found[1]
    assert found[0]["HTTP_HOST"] == "x"
    assert site.get("/state")["hot"] == before + 1


def test_control_a_plain_handshake_is_answered_in_the_hub(site: Site) -> None:
    before = site.get("/state")["hot"]
    for more, header, count in (("", "", 1), ("&deny=1", "", 1), ("", ORDINARY, 1), ("&t=x", "", 2)):
        with Raw(site.port, more=more, header=header, join=False):
            assert site.get("/state")["hot"] - before == count, (more, header)


def test_a_handshake_behind_other_requests_is_answered_in_its_place(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), 10) as line:
        line.sendall(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" + HANDSHAKE.format(more="", header="").encode())
        found = b""
        while b'"maxPayload"' not in found:
            found += line.recv(65_536)
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"404", b"101"]
