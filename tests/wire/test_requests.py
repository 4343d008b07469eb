"""Which heads are plain."""

import pytest

from dashboard.wire.requests import LONGEST_BODY, Head, read_head

FIRST = b"POST /a/b HTTP/1.1\r\n"


def test_a_plain_head_is_read() -> None:
    read = read_head(FIRST + b"Host: x:80\r\nX-API-Key:\t a b \r\nCONTENT-length:7\r\nConnection: Keep-Alive\r\n\r\n")
    assert read == Head(
        "/a/b", {"host": "x:80", "x-api-key": "a b", "content-length": "7", "connection": "Keep-Alive"}, 7, True
    )


@pytest.mark.parametrize(
    "head",
    [
        b"GET /a HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
        b"POST /a HTTP/1.0\r\nContent-Length: 1\r\n\r\n",
        b"POST  /a HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
        b"POST http://x/a HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
        *(
            FIRST + lines + b"\r\n\r\n"
            for lines in (
                b"Host: x",
                b"Content-Length: 1\r\nContent-Length: 1",
                b"Content-Length: +1",
                b"Content-Length: \xb2",
                b"Content-Length: %d" % (LONGEST_BODY + 1),
                b"Content-Length: 1\r\n folded",
                b"Content-Length : 1",
                b"Content-Length: 1\nX: y",
                b"Content-Length: 1\rX: y",
                b"Content-Length: 1\r\nX: \x00",
                b"Content-Length: 1\r\nX: \xe9",
                b"Content-Length: 1\r\n: y",
                b"Content-Length: 1\r\nHost: x/y",
                b"Content-Length: 1\r\nConnection: close",
                b"Content-Length: 1\r\nConnection: keep-alive, Upgrade",
                b"Content-Length: 1\r\nTransfer-Encoding: chunked",
                b"Content-Length: 1\r\nExpect: 100-continue",
                b"Content-Length: 1\r\nUpgrade: websocket",
                b"Content-Length: 1\r\nCookie: a=b",
                b"Content-Length: 1\r\nX: " + b"y" * 4096,
                b"Content-Length: 1" + b"".join(b"\r\nX%d: y" % n for n in range(64)),
            )
        ),
    ],
)
def test_any_other_is_not(head: bytes) -> None:
    assert read_head(head) is None
