"""What all Engine.IO sockets of one server share: one reference in each of them instead of many."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dashboard.wire.deadlines import Deadlines
from dashboard.wire.poller import Poller
from dashboard.wire.takers import Taker
from dashboard.wire.tasks import Tasks


@dataclass(slots=True)
class Shared:
    """`eio` is the engineio.Server, `sockets` its table; `most` the bytes of a message; `viewer(sid)` the name that
    python-socketio has for a client of Engine.IO in the namespace `/`, None where it is not connected there.
    """

    eio: Any
    poller: Poller
    tasks: Tasks
    most: int
    viewer: Callable[[str], str | None]
    takers: dict[str, Taker]
    notice_of_slowness: bytes
    pings: Deadlines[Any]

    @property
    def sockets(self) -> dict[str, Any]:
        sockets: dict[str, Any] = self.eio.sockets
        return sockets
