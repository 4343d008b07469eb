"""What is kept of requests: of clients that are there, and little of those that have gone."""

import tracemalloc
from collections.abc import Iterator

import pytest

from dashboard.wire.environs import Environs

USUAL = {"PATH_INFO": "/socket.io/", "HTTP_USER_AGENT": "a browser", "REMOTE_PORT": "1", "HTTP_COOKIE": "a=b"}
HEAD = 60_000
"""Bytes that a client may send before it is refused."""


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def strangers(names: int, values: int, count: int = 200) -> Iterator[dict[str, str]]:
    """Requests that have nothing in common, with names and values so long."""
    for n in range(count):
        pairs = HEAD // (names + values)
        yield USUAL | {f"HTTP_{n}_{m}_{'X' * names}": f"{n}-{m}-{'y' * values}" for m in range(pairs)}


@pytest.mark.parametrize(("names", "values"), [(900, 1), (1, 400), (1, 30_000), (30_000, 1), (60, 60)])
def test_long_heads_of_those_who_have_gone_are_not_kept(names: int, values: int) -> None:
    environs = Environs()
    environs["first"] = USUAL
    before, _ = tracemalloc.get_traced_memory()
    for environ in strangers(names, values):
        environs["stranger"] = environ
        assert {**environs["stranger"], "wsgi.input": None} == environ | {"wsgi.input": None}
        del environs["stranger"]
    grown = tracemalloc.get_traced_memory()[0] - before
    assert grown < 6_000_000, "the texts that are shared, at most"


def test_usual_clients_share_what_they_have_in_common() -> None:
    environs = Environs()
    environs["first"] = USUAL
    before, _ = tracemalloc.get_traced_memory()
    for n in range(1000):
        environs[f"{n}"] = {name: "".join(value) for name, value in USUAL.items()} | {"REMOTE_PORT": f"{n}"}
    assert (tracemalloc.get_traced_memory()[0] - before) / 1000 < 350
