"""Socket.IO by hand over one websocket: every packet as it is sent, everything heard in its order."""

import json
from itertools import count
from types import TracebackType
from typing import Any, Self

import websocket

Heard = tuple[str, Any]


class Wire:
    """A connection to the namespace `/`. `heard` keeps what came, oldest first: an event as (name, payload), an answer as
    (id, answer), anything else as (text, None). Pings are answered.
    """

    def __init__(self, url: str, auth: object = None, *headers: str, timeout_s: float = 20.0) -> None:
        address = f"{url.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket"
        self._socket = websocket.create_connection(address, timeout=timeout_s, header=list(headers))
        self._raw = self._socket.sock
        self._ids = count(1)
        self.heard: list[Heard] = []
        self.send("40" if auth is None else f"40{json.dumps(auth)}")
        while not self.hear()[0].startswith("40"):
            pass

    def send(self, text: str) -> None:
        self._socket.send(text)

    def send_bytes(self, data: bytes) -> None:
        self._socket.send_binary(data)

    def hear(self) -> Heard:
        """The next thing that comes. Raises EOFError where the connection has ended."""
        while True:
            try:
                text = self._socket.recv()
            except websocket.WebSocketException as error:
                raise EOFError from error
            if text == "":
                raise EOFError
            if text != "2":
                break
            self.send("3")
        self.heard.append(_parsed(str(text)))
        return self.heard[-1]

    def begin(self, event: str, *payload: object) -> str:
        """Send an event; the id that its answer will have."""
        return self.begin_text(json.dumps([event, *payload], ensure_ascii=False))

    def begin_text(self, text: str) -> str:
        """Send whatever text as an event's JSON."""
        id = str(next(self._ids))
        self.send(f"42{id}{text}")
        return id

    def answer(self, id: str) -> Any:
        """The answer to what was begun; what comes before it is in `heard`."""
        while (heard := self.hear())[0] != id:
            pass
        return heard[1]

    def ask(self, event: str, *payload: object) -> Any:
        """Send an event and wait for its answer."""
        return self.answer(self.begin(event, *payload))

    def ask_text(self, text: str) -> Any:
        """Send whatever text as an event's JSON, and wait for its answer."""
        return self.answer(self.begin_text(text))

    def close(self) -> None:
        self._socket.close()
        if self._raw is not None:
            self._raw.close()  # which it leaves open where the server closed first

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


def _parsed(text: str) -> Heard:
    if text[:2] == "42":
        event, *payload = json.loads(text[2:])
        return event, payload[0] if payload else None
    if text[:2] == "43":
        id, bracket, rest = text[2:].partition("[")
        answers = json.loads(bracket + rest)
        return id, answers[0] if answers else None
    return text, None
