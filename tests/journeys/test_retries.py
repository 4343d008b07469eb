"""Retries across processes: posts that race each other at two servers, and a server killed before its answer was read."""

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from dashboard.store import keys
from dashboard.store.client import Client
from tests.conftest import Api, ServerProcess, Start
from tests.store.hold import wait_until
from tests.web.raw import Answer, Line, request

POSTS = 200
SCORES, SCORE = "/api/v1/boards/retried/scores", {"player": "a", "score": 1}
PAYMENTS, PAYMENT = "/api/v1/payments", {"user": 42, "amount": "99.00"}
CHANNEL, MESSAGE = "/api/v1/channels/retried", {"message": "once"}
VICTIMS, EACH = 3, 4


def keyed(path: str, body: object, key: str | None) -> bytes:
    return request("POST", path, json.dumps(body).encode(), *([f"Idempotency-Key: {key}"] if key else []))


class Site:
    """A server that lives, with its store, and servers on the same store that will not."""

    def __init__(self, start: Start, folder: Path) -> None:
        self.folder = folder
        self.survivor = start("--workers", "0", data_dir=folder)
        self.start = start
        self.store: Client = redis.Redis(unix_socket_path=str(folder / "store/valkey.sock"))
        self.api = Api(self.survivor.url)
        self.api.put("/boards/retried", {"rule": "sum"})

    def join(self, count: int) -> list[ServerProcess]:
        """More servers, in both async modes."""
        modes = ["threading" if n % 2 == 0 else "eventlet" for n in range(count)]
        with ThreadPoolExecutor(count) as pool:
            started = pool.map(
                lambda mode: self.start("--workers", "0", "--async-mode", mode, data_dir=self.folder), modes
            )
            return list(started)

    @property
    def total(self) -> int:
        return int(self.store.zscore(keys.ranking("retried", "all"), "a") or 0)

    @property
    def queued(self) -> int:
        return int(self.store.xlen(keys.PAYMENTS))


@pytest.fixture
def site(start_server: Start, tmp_path: Path) -> Iterator[Site]:
    opened = Site(start_server, tmp_path / "data")
    yield opened
    opened.api.session.close()
    opened.store.close()


def race(urls: list[str], data: bytes) -> list[Answer]:
    """The same request on POSTS connections, to each server in turn, all sent before the first answer is read."""
    with ExitStack() as stack:
        lines = [stack.enter_context(Line(urls[n % len(urls)])) for n in range(POSTS)]
        for line in lines:
            line.send(data)
        return [line.answer() for line in lines]


def test_posts_with_one_key_that_race_each_other_count_once_and_are_answered_alike(site: Site) -> None:
    urls = [site.survivor.url, site.join(1)[0].url]
    with site.store.pubsub() as ear:
        ear.subscribe("retried", "end")
        while ear.get_message(timeout=5)["data"] != 2:
            pass
        for path, body in ((SCORES, SCORE), (PAYMENTS, PAYMENT), (CHANNEL, MESSAGE)):
            answers = race(urls, keyed(path, body, "one and the same"))
            assert len({(answer.status, answer.body) for answer in answers}) == 1, path
            assert answers[0].status in (200, 202)
            assert sum("idempotent-replay" not in answer.headers for answer in answers) == 1
        site.store.publish("end", "")
        heard = iter(lambda: ear.get_message(timeout=5)["channel"], b"end")
        assert list(heard) == [b"retried"]
    assert (site.total, site.queued) == (1, 1)
    race(urls, keyed(SCORES, SCORE, None))
    assert site.total == 1 + POSTS  # control: without a key each counts


def answered_by_the_heir(site: Site, victim: ServerProcess, *, with_keys: bool) -> tuple[int, int]:
    """Posts to a server that is killed once it did some, none of whose answers is read, then all again to another one.

    Returns how many scores and payments there are more.
    """
    before = site.total, site.queued
    posts = [
        keyed(path, body, uuid.uuid4().hex if with_keys else None)
        for path, body in [(SCORES, SCORE), (PAYMENTS, PAYMENT)] * EACH
    ]
    with ExitStack() as stack:
        for data in posts:
            stack.enter_context(Line(victim.url)).send(data)
        wait_until(lambda: site.total > before[0] and site.queued > before[1])
        victim.kill()
    for data in posts:
        with Line(site.survivor.url) as line:
            line.send(data)
            assert line.answer().status in (200, 202)
    return site.total - before[0], site.queued - before[1]


def test_kill_9_between_what_was_done_and_its_answer(site: Site) -> None:
    *victims, last = site.join(VICTIMS + 1)
    for victim in victims:
        assert answered_by_the_heir(site, victim, with_keys=True) == (EACH, EACH)
    scores, payments = answered_by_the_heir(site, last, with_keys=False)
    assert min(scores, payments) > EACH  # control: without keys some were done twice
