"""Connections: the addresses that can be opened, those that are refused in one line, and a pool that waits."""

import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from dashboard.config import Settings
from dashboard.errors import BadSetting, StoreStartFailed
from dashboard.parts import open_parts
from dashboard.store.client import ALLOWED, Client, connect
from dashboard.values import Score
from tests.store.servers import Valkey, proxy, valkey

CERTIFICATE = Path(__file__).with_name("loopback.pem")


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with valkey(password="swordfish") as started:
        yield started


def settings(url: str) -> Settings:
    return Settings(_env_file=None, redis_url=url)  # type: ignore[call-arg]


def scores_pass_through(url: str, board: str) -> bool:
    with open_parts(settings(url)) as parts:
        parts.scores.submit(board, [Score("a", 1)])
        return [row.player for row in parts.rankings.top(board).rows] == ["a"]


@pytest.mark.parametrize("form", ["redis://:{password}@127.0.0.1:{port}/0", "unix://:{password}@{socket}?db=0"])
def test_a_score_passes_through_an_address_of_each_kind(form: str, server: Valkey, board: str) -> None:
    assert scores_pass_through(form.format(password="swordfish", port=server.port, socket=server.socket), board)


def test_a_score_passes_through_an_encrypted_connection(server: Valkey, board: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with proxy(server.socket, tls=context) as front:
        url = f"rediss://:swordfish@127.0.0.1:{front.port}/0"
        assert scores_pass_through(f"{url}?ssl_ca_certs={CERTIFICATE}", board)
        with pytest.raises(StoreStartFailed, match=r"rediss://\*\*\*@127.0.0.1.* does not answer .*certificate"):
            scores_pass_through(url, board)  # control: a certificate that nobody vouches for


def test_a_password_may_hold_any_character(server: Valkey) -> None:
    server.client.execute_command("ACL", "SETUSER", "odd", "on", "~*", "+@all", ">p/w@#%:é")
    client = connect(f"redis://odd:p%2Fw%40%23%25%3A%C3%A9@127.0.0.1:{server.port}/0")
    assert client.ping()
    client.close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", ""),
        ("localhost:6379", "localhost:6379"),
        ("http://cache.example:6379", "http://cache.example:6379"),
        ("redis://", "redis://"),
        ("redis:///0", "redis:///0"),
        ("redis://cache.example:port", "redis://cache.example:port"),
        ("redis://cache.example:65536", "redis://cache.example:65536"),
        ("redis://[::1", "redis://[::1"),
        ("redis://cache.example/first", "redis://cache.example/first"),
        ("redis://cache.example/0/1", "redis://cache.example/0/1"),
        ("redis://cache.example?db=first", "redis://cache.example?db=first"),
        ("redis://cache.example?socket_timeout=soon", "redis://cache.example?socket_timeout=soon"),
        ("redis://cache.example?colour=blue", "redis://cache.example?colour=blue"),
        ("redis://cache.example?decode_responses=true", "redis://cache.example?decode_responses=true"),
        ("redis://cache.example?protocol=3", "redis://cache.example?protocol=3"),
        ("rediss://cache.example?ssl_cert_reqs=perhaps", "rediss://cache.example?ssl_cert_reqs=perhaps"),
        ("unix://", "unix://"),
        ("unix://var/run/redis.sock", "unix://var/run/redis.sock"),
        ("redis://cache\n.example:x", "redis://cache .example:x"),
        # with a secret in every place where one may stand
        ("redis://:swordfish@", "redis://***@"),
        ("redis://:swordfish", "redis://***"),
        ("redis://me:swordfish@cache.example:x", "redis://***@cache.example:x"),
        ("redis://:sword/fish@cache.example", "redis://***@cache.example"),
        ("redis://:sword#fish@cache.example", "redis://***@cache.example"),
        ("redis://:sword@fish@cache.example:x", "redis://***@cache.example:x"),
        ("amqp://:swordfish@cache.example", "amqp://***@cache.example"),
        ("redis://cache.example?password=swordfish&db=x", "redis://cache.example?password=***&db=x"),
    ],
)
def test_an_address_that_cannot_be_opened_is_refused_in_one_line_without_its_password(url: str, shown: str) -> None:
    with pytest.raises(BadSetting) as refused:
        connect(url)
    assert refused.value.detail == f"REDIS_URL={shown}: {ALLOWED}"


def test_a_server_that_is_not_there_or_refuses_us_is_named_without_the_password(server: Valkey, board: str) -> None:
    for url, reason in (
        ("redis://:swordfish@127.0.0.1:1/0", r"does not answer \(.*refused"),
        ("unix:///nowhere/store.sock", r"does not answer \(.*No such file"),
        (f"redis://:wrongfish@127.0.0.1:{server.port}/0", "the server refuses the user or the password"),
        (f"redis://127.0.0.1:{server.port}/0", "the server refuses the user or the password"),
    ):
        with pytest.raises(StoreStartFailed, match=f"^REDIS_URL=.*: .*{reason}") as refused:
            scores_pass_through(url, board)
        assert "fish" not in refused.value.detail


def test_a_server_that_hangs_is_given_up_in_time(server: Valkey) -> None:
    client = connect(server.url, timeout_s=0.2)
    assert client.ping()
    server.pause()
    try:
        began = time.monotonic()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        assert time.monotonic() - began < 1
    finally:
        server.resume()
        client.close()


def test_a_full_pool_waits_for_a_free_connection(server: Valkey) -> None:
    assert _failures(connect(server.url, connections=4)) == []
    naive = redis.Redis(connection_pool=redis.ConnectionPool.from_url(server.url, max_connections=4))
    assert _failures(naive)  # control: a pool that does not wait


def _failures(client: Client) -> list[Exception]:
    """What 16 threads at once meet, each with a command that keeps its connection for 20 ms."""
    failures: list[Exception] = []

    def call() -> None:
        try:
            client.execute_command("BLPOP", "nothing", "0.02")
        except redis.RedisError as error:
            failures.append(error)

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    return failures


def test_replies_are_bytes(server: Valkey) -> None:
    client = connect(server.url)
    client.set("naïve", "café")
    assert client.get("naïve") == "café".encode()
    client.close()
