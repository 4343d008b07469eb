"""Requests of the hot lane as values: heads that are plain enough for it, and answers.

Owns: what is plain. Leaves to others: everything else, which the server's own parser reads (`http_lane.py` hands it over).
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

LONGEST_HEAD = 4096
LONGEST_BODY = 65_536
MOST_HEADERS = 64
_FIRST = re.compile(rb"POST (/[!-~]*) HTTP/1\.1")
_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[!-~](?:[ -~\t]*[!-~])?)?)[ \t]*")
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]*")
_LENGTH = re.compile(r"[0-9]{1,7}")
ODD = frozenset(("cookie", "expect", "te", "trailer", "transfer-encoding", "upgrade"))
"""Headers with which a request is not plain."""


class Answer(NamedTuple):
    """`status` as in the first line; `headers` without Content-Length and Date."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


Done = Callable[[Answer | None], None]
"""Called later, once; None: go the plain way after all, nothing was done."""


class Head(NamedTuple):
    """A plain POST. `headers` has lower-case names, each once; `echo`: the client said `Connection: keep-alive`."""

    path: str
    headers: Mapping[str, str]
    length: int
    echo: bool


def read_head(head: bytes) -> Head | None:
    """The head of a request, up to and with its empty line; None where it is not plain."""
    if len(head) > LONGEST_HEAD:
        return None
    first, *lines = head[:-4].split(b"\r\n")
    asked = _FIRST.fullmatch(first)
    if asked is None or len(lines) > MOST_HEADERS:
        return None
    headers: dict[str, str] = {}
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            return None
        name = found[1].decode().lower()
        if name in headers or name in ODD:
            return None
        headers[name] = found[2].decode()
    length, connection = headers.get("content-length", ""), headers.get("connection", "").lower()
    if not _LENGTH.fullmatch(length) or int(length) > LONGEST_BODY or connection not in ("", "keep-alive"):
        return None
    if not _HOST.fullmatch(headers.get("host", "")):
        return None
    return Head(asked[1].decode(), headers, int(length), connection == "keep-alive")
