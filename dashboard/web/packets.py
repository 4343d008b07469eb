"""Socket.IO packets as they come in, and the JSON in which they go out.

Owns: what is a packet we take. One that is not becomes an event that is answered with its error, if it can be answered
at all; left to itself, the library writes a traceback to the log and its sender waits for ever. Leaves to others: events.
"""

from json import JSONEncoder
from typing import Any

from socketio import packet

from dashboard.errors import MalformedInput, ScorecastError
from dashboard.web.bodies import parse

RESERVED = ("connect", "connect_error", "disconnect")
"""Names the protocol keeps for itself."""
MALFORMED = "malformed"
"""The event that a malformed packet becomes; its payload is a ScorecastError."""


encode = JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Json:
    """JSON as sockets send it: short, and strict about what comes in."""

    @staticmethod
    def dumps(value: object, **_: object) -> str:
        return encode(value)

    @staticmethod
    def loads(text: str | bytes, **_: object) -> Any:
        """Raises ValueError, as json.loads does, from one of ours."""
        try:
            return parse(text.encode() if isinstance(text, str) else text)
        except ScorecastError as error:
            raise ValueError(error.detail) from error


class Packet(packet.Packet):  # type: ignore[misc]
    """A packet that is never malformed. None of our events has binary payloads, so there are no binary packets."""

    data: Any

    def __init__(self, *given: object, encoded_packet: str | bytes | None = None, **options: object) -> None:
        super().__init__(*given, encoded_packet=encoded_packet, **options)
        if encoded_packet is not None and not encoded_packet:  # the library does not decode what is empty
            self.decode(encoded_packet)

    def decode(self, encoded_packet: str | bytes) -> int:
        """Returns the number of binary attachments to wait for: 0."""
        try:
            super().decode(encoded_packet)
            self._check()
        except Exception as error:
            known = error if isinstance(error, ScorecastError) else error.__cause__
            if not isinstance(known, ScorecastError):
                known = MalformedInput(f"This is no Socket.IO packet: {error}.")
            self.packet_type, self.data = packet.EVENT, [MALFORMED, known]
        return 0

    def _check(self) -> None:
        if self.packet_type in (packet.BINARY_EVENT, packet.BINARY_ACK):
            raise MalformedInput("Binary payloads are not taken; send JSON.")
        if self.packet_type not in (packet.CONNECT, packet.DISCONNECT, packet.EVENT, packet.ACK):
            raise MalformedInput("Clients do not send packets of this type.")
        if self.packet_type == packet.EVENT:
            if not isinstance(self.data, list) or not self.data or not isinstance(self.data[0], str):
                raise MalformedInput("An event is a list that begins with its name.")
            if self.data[0] in RESERVED:
                raise MalformedInput(f"{self.data[0]!r} is a name that Socket.IO keeps for itself.")
