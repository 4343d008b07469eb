"""Many commands in one trip, each caller with its own replies, whatever happens to the connection."""

import threading
from collections.abc import Iterator

import pytest
import redis

from dashboard.store.client import Client, connect
from dashboard.store.reads import Command, Reads
from tests.store.servers import Valkey, proxy, valkey
from tests.store.trips import trips


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with valkey() as started:
        yield started


@pytest.fixture
def client(server: Valkey) -> Iterator[Client]:
    opened = connect(server.url, timeout_s=0.3)
    opened.flushall()
    opened.set("text", "naïve")
    opened.zadd("ranking", {"a": 1, "b": 2.5})
    yield opened
    opened.close()


def test_replies_come_in_order_as_redis_has_them(client: Client) -> None:
    reads = Reads(client)
    commands: list[Command] = [
        ("GET", "text"),
        ("GET", b"none"),
        ("ZCARD", "ranking"),
        ("ZRANGE", "ranking", 0, -1, "WITHSCORES"),
    ]
    assert reads.ask(commands) == ["naïve".encode(), None, 2, [b"a", b"1", b"b", b"2.5"]]
    assert reads.ask([]) == []


def test_an_error_is_raised_or_stands_in_its_place_and_the_next_replies_are_right(client: Client) -> None:
    reads = Reads(client)
    found, error, after = reads.ask([("GET", "text"), ("GET", "ranking"), ("ZCARD", "ranking")], raising=False)
    assert (found, after) == ("naïve".encode(), 2)
    assert isinstance(error, redis.ResponseError)
    assert str(error).startswith("WRONGTYPE")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        reads.ask([("GET", "ranking"), ("ZCARD", "ranking")])
    assert reads.ask([("ZCARD", "ranking")]) == [2]


def test_what_is_asked_together_is_one_trip(client: Client) -> None:
    reads = Reads(client)
    asked: list[Command] = [("GET", "text")] * 100
    reads.ask(asked)
    assert trips(client, lambda: reads.ask(asked)) == 1
    assert trips(client, lambda: [reads.ask([each]) for each in asked]) == 100  # control


def test_more_than_one_read_holds_comes_whole(client: Client) -> None:
    client.set("long", b"x" * 3_000_000)
    client.config_set("client-output-buffer-limit", "normal 0 0 0")
    assert [len(reply) for reply in Reads(client).ask([("GET", "long")] * 3)] == [3_000_000] * 3


def test_a_connection_that_was_cut_while_idle_is_replaced_unseen(client: Client) -> None:
    reads = Reads(client)
    for _ in range(2):
        assert reads.ask([("ZCARD", "ranking")]) == [2]
        client.client_kill_filter(_type="normal", skipme=True)


def test_a_read_whose_answer_was_lost_is_made_again_but_on_a_new_connection_reported(
    server: Valkey, client: Client
) -> None:
    """What breaks a connection that was just made would break the next one too."""
    with proxy(server.socket) as front:
        behind = connect(f"redis://127.0.0.1:{front.port}/0")
        reads = Reads(behind)
        front.cut(b"ZCARD")
        with pytest.raises(redis.ConnectionError):
            reads.ask([("ZCARD", "ranking")])
        assert reads.ask([("ZCARD", "ranking")]) == [2]
        front.cut(b"ZCARD")
        assert reads.ask([("ZCARD", "ranking"), ("GET", "text")]) == [2, "naïve".encode()]
        assert front.cuts == 2
        behind.close()


def test_a_server_that_hangs_is_given_up_and_its_late_replies_reach_nobody(server: Valkey, client: Client) -> None:
    reads = Reads(client)
    reads.ask([("PING",)])
    server.pause()
    try:
        with pytest.raises(redis.TimeoutError):
            reads.ask([("GET", "text")])
    finally:
        server.resume()
    assert reads.ask([("ZCARD", "ranking")]) == [2]


def test_a_server_that_is_away_is_a_connection_error(server: Valkey, client: Client) -> None:
    reads = Reads(client)
    reads.ask([("PING",)])
    server.stop()
    try:
        with pytest.raises(redis.ConnectionError):
            reads.ask([("PING",)])
    finally:
        server.start()
    assert reads.ask([("PING",)]) == [b"PONG"]


def test_many_callers_at_once_get_their_own_replies(client: Client) -> None:
    reads, wrong = Reads(client), list[object]()

    def ask(n: int) -> None:
        for each in range(200):
            words = [f"{n}-{each}-{word}" for word in range(3)]
            replies = reads.ask([("ECHO", word) for word in words])
            if replies != [word.encode() for word in words]:
                wrong.append((words, replies))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
