"""A Socket.IO client that hands events over in the order of the wire.

python-socketio starts a thread for each message, and one may overtake another. A handler here must not wait for answers.
"""

from typing import Any

import engineio
import socketio


class _Engine(engineio.Client):  # type: ignore[misc]
    def _trigger_event(self, event: str, *args: Any, **options: Any) -> Any:
        return super()._trigger_event(event, *args, **{**options, "run_async": False})


class OrderedClient(socketio.Client):  # type: ignore[misc]
    """As socketio.Client; what it loses stays lost, it does not connect again by itself unless it is told to."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"reconnection": False, "handle_sigint": False, **options})

    def _engineio_client_class(self) -> type[engineio.Client]:
        return _Engine
