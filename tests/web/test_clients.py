"""Who is connected by socket."""

import pytest

from dashboard.parts import Parts
from dashboard.web.clients import Client, Clients
from dashboard.web.guards import Guard
from dashboard.web.limits import Door


def came(parts: Parts, key: str, *known: str) -> Client:
    """The client that a connection with this key is, where a server has those API keys, and one for operators."""
    guard = Guard(known, "operator")
    clients = Clients(guard, Door(parts.limits, guard))
    clients.come("a", {"REMOTE_ADDR": "192.0.2.1"}, {"key": key})
    return clients.of("a")


@pytest.mark.parametrize("known", [(), ("one", "two")])
@pytest.mark.parametrize("key", ["two", "operator", "else"])
def test_a_client_may_what_its_key_may(key: str, known: tuple[str, ...], parts: Parts) -> None:
    client = came(parts, key, *known)
    assert (client.writes, client.operates) == (not known or key != "else", key == "operator")


def test_a_key_that_the_server_does_not_know_is_not_kept(parts: Parts) -> None:
    """It may have a million characters, as long as its connection lives."""
    long = "x" * 1_000_000
    assert came(parts, long, "one")[:2] == came(parts, "", "one")[:2]
    assert came(parts, "one", "one").key == "one"
