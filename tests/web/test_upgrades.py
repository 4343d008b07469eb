"""A connection that the hot lane has read from becomes a websocket: what the client sent ahead is not lost, who may not is
refused.
"""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import requests

from tests.conftest import ServerProcess, Start
from tests.store.servers import valkey, wait_for
from tests.wire.client import ORDINARY, Raw, masked


def hot(url: str) -> int:
    """How many handshakes the hub has answered."""
    text = requests.get(f"{url}/metrics", timeout=10).text
    return int(float(re.findall(r"^scorecast_hot_handshakes_total (\S+)", text, re.MULTILINE)[0]))


def test_all_that_comes_together_with_the_handshake_is_read(servers: Callable[[str], ServerProcess]) -> None:
    """More than a reader's buffer (8 kB), and less than the lane reads at once (64 kB)."""
    events = [masked(b'42%d["unsubscribe",{"topic":"nothing"}]' % n) for n in range(250)]
    behind = b"".join((masked(b"40"), *events))
    assert 8192 < len(behind) < 20_000
    with Raw(urlsplit(servers("eventlet").url).port or 0, join=False, behind=behind) as client:
        assert client.text().startswith("40{")
        assert [client.text().partition("[")[0] for _ in events] == [f"43{n}" for n in range(250)]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("", 101),
        ("Origin:\r\n", 101),
        ("Origin: http://x\r\n", 101),
        ("Origin: https://x\r\nX-Forwarded-Host: proxy\r\n", 400),
        ("Origin: https://game.example\r\nX-Forwarded-Host: game.example, x\r\n", 101),
        ("Origin: http://evil.example\r\n", 400),
        ("Origin: null\r\n", 400),
    ],
)
def test_pages_of_other_origins_are_refused_either_way(
    servers: Callable[[str], ServerProcess], headers: str, status: int
) -> None:
    url = servers("eventlet").url
    for more, counts in (("", status == 101), (ORDINARY, False)):
        before = hot(url)
        with Raw(urlsplit(url).port or 0, header=headers + more, join=status == 101) as client:
            assert client.status == status
        assert hot(url) - before == counts


def test_handshakes_are_hot_where_scores_are_not(start_server: Start) -> None:
    with valkey() as primary, valkey("--replicaof", "127.0.0.1", str(primary.port)) as replica:
        wait_for(lambda: replica.client.info("replication")["master_link_status"] == "up", "the replica's link")
        server = start_server("--redis-url", primary.url, env={"DURABILITY": "replicated"})
        with Raw(urlsplit(server.url).port or 0) as client:
            assert client.sid
        assert requests.post(f"{server.url}/api/v1/boards/b/scores", json={"player": "a", "score": 1}, timeout=10).ok
        assert hot(server.url) == 1
        server.stop()
