"""The edges: a full server, a server that ends, and libraries that are not as expected."""

from contextlib import ExitStack

import requests

from tests.conftest import Start
from tests.store.hold import wait_until
from tests.wire.client import Raw
from tests.wire.conftest import Run, Site


def test_one_connection_too_many_is_refused_and_a_free_place_is_taken(run: Run) -> None:
    site = run(limits={"connections": 20})
    with ExitStack() as stack:
        clients = [stack.enter_context(Raw(site.port)) for _ in range(20)]
        assert stack.enter_context(Raw(site.port)).status == 503
        assert [client.ask("echo", n) for n, client in enumerate(clients)] == list(range(20))
        clients[0].close()
        wait_until(lambda: site.tables()["connections"] == 19)
        assert stack.enter_context(Raw(site.port)).ask("echo", "x") == "x"


def test_with_few_descriptors_a_server_refuses_and_lives(start_server: Start) -> None:
    """The product's own limit: what it keeps back is for Redis and for HTTP. eventlet does not survive running out."""
    server = start_server(files=600)
    port = int(server.url.rpartition(":")[2])
    with ExitStack() as stack:
        clients = [stack.enter_context(Raw(port)) for _ in range(354)]
        assert [stack.enter_context(Raw(port)).status for _ in range(3)] == [503] * 3
        assert requests.get(f"{server.url}/readyz", timeout=20).status_code == 200
        assert "snapshot" in clients[0].ask("subscribe", {"topic": "board:b:all"})


def test_a_server_that_ends_says_so() -> None:
    site = Site({})
    clients = [Raw(site.port) for _ in range(30)]
    site.process.terminate()
    assert [client.closing() for client in clients] == [(1001, "the server goes away")] * 30
    for client in clients:
        client.close()
    assert site.stop() == 0
    assert site.errors == []
    close(site)


def test_where_a_library_has_changed_it_serves_and_the_log_says_so() -> None:
    site = Site({"rename": True})
    assert not site.get("/state")["transport"]
    with Raw(site.port) as client:
        assert client.ask("echo", 1) == 1
        site.do("flow", n=3)
        assert client.text().startswith('42["frame"')
    site.stop()
    assert len(site.errors) == 1
    assert "engineio.server.Server._handle_connect is not as expected" in site.errors[0]
    close(site)


def close(site: Site) -> None:
    for stream in (site.process.stdout, site.process.stderr):
        assert stream is not None
        stream.close()
