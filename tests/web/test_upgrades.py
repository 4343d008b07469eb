"""A connection that the hot lane has read from becomes a websocket: what the client sent ahead is not lost."""

from collections.abc import Callable
from urllib.parse import urlsplit

from tests.conftest import ServerProcess
from tests.wire.client import Raw, masked


def test_all_that_comes_together_with_the_handshake_is_read(servers: Callable[[str], ServerProcess]) -> None:
    """More than a reader's buffer (8 kB), and less than the lane reads at once (64 kB)."""
    pings = [masked(b"%d" % n * 20, 0x89) for n in range(200)]
    behind = b"".join((masked(b"40"), *pings, masked(b'427["subscribe",{}]')))
    assert 8192 < len(behind) < 20_000
    with Raw(urlsplit(servers("eventlet").url).port or 0, join=False, behind=behind) as client:
        answered, pongs = "", 0
        while not answered.startswith("437["):
            opcode, payload = client.next()
            pongs += opcode == 10
            answered = payload.decode() if opcode == 1 else ""
    assert pongs == len(pings)
