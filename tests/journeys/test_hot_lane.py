"""The hot lane on a Redis of its own that stalls, breaks and comes back empty."""

import time
from collections.abc import Iterator

import pytest

from tests.conftest import ServerProcess, Start
from tests.store.hold import wait_until
from tests.store.servers import Valkey, valkey
from tests.web.raw import Answer, Line, request
from tests.web.test_lanes import hot

SCORE = b'{"player":"a","score":1}'
PATH = "/api/v1/boards/stall/scores"


@pytest.fixture
def store() -> Iterator[Valkey]:
    with valkey(password="swordfish") as started:
        yield started


@pytest.fixture
def server(store: Valkey, start_server: Start) -> ServerProcess:
    return start_server("--workers", "0", env={"REDIS_URL": store.url})


def is_hot(url: str) -> bool:
    """Whether a post takes the hot lane."""
    before = hot(url)
    with Line(url) as line:
        line.ask("POST", PATH, SCORE)
    return hot(url) > before


def check_refused(answer: Answer) -> None:
    assert (answer.status, answer.json()["code"]) == (503, "store-unavailable"), answer.body
    assert int(answer.headers["retry-after"]) >= 1


def test_a_redis_with_a_password_that_breaks_and_comes_back_empty_is_used_again(
    store: Valkey, server: ServerProcess
) -> None:
    wait_until(lambda: is_hot(server.url))
    store.stop()
    store.start()
    with Line(server.url) as line:
        assert line.ask("POST", PATH, SCORE).status in (200, 503), "the first may find the connection broken"
    wait_until(lambda: is_hot(server.url))
    with Line(server.url) as line:
        answer = line.ask("POST", PATH, SCORE)
    assert (answer.status, answer.json()["players"]) == (200, 1)


@pytest.mark.soak
def test_scores_in_flight_when_redis_stalls_are_refused_with_the_time_to_try_again(
    store: Valkey, server: ServerProcess
) -> None:
    wait_until(lambda: is_hot(server.url))
    lines = [Line(server.url) for _ in range(50)]
    store.pause()
    began = time.monotonic()
    for line in lines:
        line.send(request("POST", PATH, SCORE))
    for line in lines:
        check_refused(line.answer())
    assert time.monotonic() - began < 8, "all of them together, not one after the other"
    store.resume()
    wait_until(lambda: is_hot(server.url))
    for line in lines:
        assert line.ask("POST", PATH, SCORE).status == 200, "their connections are as good as before"
        line.__exit__()
