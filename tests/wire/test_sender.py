"""A descriptor whose other side is gone."""

import socket
from collections.abc import Callable

import pytest

from dashboard.wire.connection import Connection
from dashboard.wire.limits import WireLimits
from dashboard.wire.poller import Poller


class Ended(Connection):
    """Notes why it ended."""

    def __init__(self, poller: Poller, fd: int) -> None:
        super().__init__(poller, 100)
        self.fd = fd
        self.reasons: list[str] = []
        poller.add(self)

    def on_end(self, reason: str) -> None:
        self.reasons.append(reason)


@pytest.mark.parametrize(
    "send",
    [
        lambda to: to.write(b"x"),
        lambda to: to.write_latest("k", b"x", lambda: b"y"),
        lambda to: to.end("rule", 1002),
    ],
    ids=["write", "write_latest", "end"],
)
def test_sending_to_one_that_is_gone_ends_it_and_is_no_error(send: Callable[[Connection], None]) -> None:
    """So whoever sends to a room goes on with the others."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.close()
    connection = Ended(Poller(WireLimits(connections=1)), ours.detach())
    send(connection)
    send(connection)
    assert len(connection.reasons) == 1
    assert connection.fd < 0
    assert connection.poller.connections == {}
