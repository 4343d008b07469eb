"""One way to open a connection to Redis or Valkey.

Owns: the pool and its time limits for redis://, rediss:// and unix:// addresses, and how an address is shown to people.
Leaves to others: what is sent over it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import redis
from redis._parsers import BaseParser
from redis.backoff import NoBackoff
from redis.retry import Retry

from dashboard.errors import BadSetting

Client: TypeAlias = Any
"""A redis-py client whose replies are bytes. Its own types name what every option together could give, str and None too."""

ALLOWED = (
    "allowed: redis://[[user]:password@]host[:port][/db], the same with rediss:// for TLS, or "
    "unix://[[user]:password@]/path/to/socket[?db=]; write what is no letter or digit in a password as %XX"
)
OURS = {"decode_responses", "protocol"}
"""Options of an address that would change what replies look like."""


def shown(url: str) -> str:
    """The address on one line, without its password."""
    scheme, slashes, rest = " ".join(url.split()).partition("://")
    rest = re.sub(r"^.*@|^:.*", lambda secret: "***" + "@" * secret[0].endswith("@"), rest)
    return scheme + slashes + re.sub(r"(password=)[^&#]*", r"\1***", rest)


def connect(
    url: str, *, timeout_s: float | None = 5.0, connect_timeout_s: float = 2.0, connections: int = 32
) -> Client:
    """A client with a bounded pool that waits for a free connection instead of failing.

    A connection that broke since its last use is replaced before a command is sent; a command that may have run is never
    repeated. Replies are bytes. `timeout_s=None` is for blocking readers. Raises BadSetting with what is allowed. Opens
    nothing until the first command.
    """
    if not _is_address(url):
        raise BadSetting(f"REDIS_URL={shown(url)}: {ALLOWED}")
    try:
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=10,
            socket_timeout=timeout_s,
            socket_connect_timeout=connect_timeout_s,
            retry=Retry(NoBackoff(), 0),
        )
        pool.connection_class(**pool.connection_kwargs)  # connects nothing, but knows its options
    except (ValueError, TypeError, redis.RedisError):
        raise BadSetting(f"REDIS_URL={shown(url)}: {ALLOWED}") from None
    return redis.Redis(connection_pool=pool)


@dataclass(frozen=True, slots=True)
class Line:
    """A connection of its own: open, signed in, its database chosen."""

    socket: Any
    close: Callable[[], None]


def dial(client: Client) -> Line:
    """Open a connection beside a client's pool, for whoever speaks the protocol there. Raises what redis-py raises."""
    pool = client.connection_pool
    connection = pool.connection_class(**pool.connection_kwargs | {"protocol": 2})
    connection.connect()
    return Line(connection._sock, connection.disconnect)


def as_error(text: str) -> Exception:
    """The exception that redis-py raises for the text of an error."""
    error: Exception = BaseParser.parse_error(text)  # type: ignore[no-untyped-call]
    return error


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        if parts.fragment or OURS & parse_qs(parts.query).keys():
            return False
        if parts.scheme == "unix":
            return not parts.hostname and len(parts.path) > 1
        host = parts.hostname and parts.port != 0
        return bool(parts.scheme in ("redis", "rediss") and host and re.fullmatch(r"/?\d*", parts.path))
    except ValueError:
        return False
