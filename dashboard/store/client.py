"""One way to open a connection to Redis or Valkey.

Owns: the pool and its time limits for redis://, rediss:// and unix:// addresses. Leaves to others: what is sent over it.
"""

from typing import Any, TypeAlias
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dashboard.errors import BadSetting

Client: TypeAlias = Any
"""A redis-py client whose replies are bytes. Its own types name what every option together could give, str and None too."""

SCHEMES = ("redis", "rediss", "unix")


def check_url(url: str) -> str:
    """Return `url` if it can be opened here. Raises BadSetting with what is allowed. No round trip."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise BadSetting(f"REDIS_URL={url!r} is not an address: use redis://, rediss:// or unix://")
    if parts.scheme == "unix" and not parts.path:
        raise BadSetting(f"REDIS_URL={url!r} names no socket: use unix:///path/to/socket")
    if parts.scheme != "unix" and not parts.hostname:
        raise BadSetting(f"REDIS_URL={url!r} names no host: use {parts.scheme}://host:6379/0")
    return url


def connect(url: str, *, timeout_s: float | None = 5.0, connections: int = 32) -> Client:
    """A client with a bounded pool that waits for a free connection instead of failing.

    One broken connection (the server was restarted) is replaced and the command sent once more only while connecting;
    a command that may have run is not repeated. Replies are bytes. `timeout_s=None` is for blocking readers.
    Opens nothing until the first command.
    """
    pool = redis.BlockingConnectionPool.from_url(
        check_url(url),
        max_connections=connections,
        timeout=10,
        socket_timeout=timeout_s,
        socket_connect_timeout=2.0,
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis(connection_pool=pool)
