"""What a store holds of a board, as plain values that compare."""

from typing import Any

from dashboard.store import keys
from dashboard.store.client import Client

READ = {b"hash": "hgetall", b"set": "smembers"}


def stored(client: Client, board: str) -> dict[str, Any]:
    """Every key of the board: what it holds, and when it expires (epoch ms, -1 = never)."""
    found = client.scan_iter(f"{keys.board(board)}*", count=1000)
    return {key.decode(): (_value(client, key), client.pexpiretime(key)) for key in found}


def _value(client: Client, key: bytes) -> Any:
    kind = client.type(key)
    if kind == b"zset":
        return client.zrange(key, 0, -1, withscores=True)
    return client.xrange(key) if kind == b"stream" else getattr(client, READ[kind])(key)
