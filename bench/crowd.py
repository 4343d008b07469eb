"""A crowd of viewers: thousands of connections that watch boards, count what is delivered and check what they see.

Owns: connecting, subscribing, the order of frames at each viewer, what the crowd as a whole is shown. Leaves to others:
the socket loop, bytes, what is posted.

All who watch a topic are sent the same bytes, so each frame is read once for all and each viewer keeps only how far it is.
A viewer that missed no frame of changed rows holds what every other holds at that `seq`; `Picture` is what that is.
"""

import json
import socket
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Literal

from bench.frames import CLOSE, PING, PONG, event, frame, split, upgrade
from bench.loop import Loop
from bench.pictures import MARKER, Picture, Shown
from bench.socket_load import PATH

Protocol = Literal["socketio", "ws"]

READ = 65536
KNOWN = 4096
AT_ONCE = 64
SMALL_BUFFER = 8192
LOOK_S = 0.05


class Viewer:
    """One connection."""

    __slots__ = ("crowd", "epoch", "fd", "frames", "held", "marker", "ready", "rest", "seq", "socket", "step", "topic")

    def __init__(self, crowd: "Crowd", topic: str, small_buffer: bool) -> None:
        self.crowd = crowd
        self.topic = topic
        self.epoch, self.seq, self.marker, self.frames = "", -1, 0, 0
        self.rest = b""
        self.ready = False
        self.held: list[Shown] = []
        self.step: Callable[[bytes], bool] = self._upgraded
        self.socket = socket.socket()
        if small_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", crowd.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(upgrade(crowd.path(topic), crowd.port))
        self.socket.setblocking(False)
        self.fd = self.socket.fileno()

    def on_readable(self) -> None:
        try:
            data = self.socket.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        crowd = self.crowd
        if not data:
            crowd.lose(self)
            return
        if self.ready and not self.rest:
            shown = crowd.known.get(data)
            if shown is not None:
                self.take(shown)
                return
        self.rest += data
        if self.step == self._upgraded and not self._upgraded(b""):
            return
        messages, self.rest = split(self.rest)
        for opcode, payload in messages:
            self._hear(opcode, payload)
        if self.ready and len(messages) == 1 and not self.rest and messages[0][1] in crowd.known:
            crowd.known[data] = crowd.known[messages[0][1]]

    def take(self, shown: Shown) -> None:
        """A frame, in the contract's order: the next, or a full one; after a gap subscribe again."""
        crowd = self.crowd
        if shown.seq != self.seq + 1 or shown.epoch != self.epoch:
            if shown.epoch == self.epoch and shown.seq <= self.seq:
                crowd.repeated += 1
                return
            if shown.epoch != self.epoch or not shown.full:
                crowd.gaps += 1
                self.subscribe()
                return
            crowd.skipped += shown.seq - self.seq - 1
        self.seq = shown.seq
        self.frames += 1
        crowd.frames += 1
        if crowd.samples is not None and shown.marker > self.marker:
            crowd.samples.append((self.marker, shown.marker, time.perf_counter()))
            self.marker = shown.marker

    def subscribe(self) -> None:
        self.ready = False
        self.held = []
        self.socket.send(self.crowd.subscription(self.topic))

    # From the first byte to the first snapshot ------------------------------------------------------------------------

    def _upgraded(self, _: bytes) -> bool:
        head = self.rest.find(b"\r\n\r\n")
        if head < 0:
            return False
        if not self.rest.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(f"no websocket: {self.rest[:400]!r}")
        self.rest = self.rest[head + 4 :]
        self.step = self._opened if self.crowd.protocol == "socketio" else self._subscribed
        return True

    def _opened(self, payload: bytes) -> bool:
        if payload.startswith(b"0{"):
            self.socket.send(frame(b"40"))
            self.step = self._connected
        return True

    def _connected(self, payload: bytes) -> bool:
        if payload.startswith(b"40{"):
            self.step = self._subscribed
            self.subscribe()
        return True

    def _subscribed(self, payload: bytes) -> bool:
        if self.crowd.protocol == "socketio":
            if not payload.startswith(b"430["):
                return True
            answer = json.loads(payload[3:])[0]
        else:
            answer = json.loads(payload)
        if "error" in answer:
            raise ConnectionError(f"no subscription: {answer}")
        self.crowd.connected += not self.epoch  # the first time, not after a gap
        self.epoch, self.seq, self.ready = answer["epoch"], answer["seq"], True
        self.crowd.picture(self.topic).start(self.epoch, self.seq, answer["snapshot"]["rows"])
        held, self.held = self.held, []
        for shown in held:
            if shown.seq > self.seq or shown.epoch != self.epoch:
                self.take(shown)
        return True

    def _hear(self, opcode: int, payload: bytes) -> None:
        if payload.startswith(self.crowd.beginning):
            shown = self.crowd.read(payload)
            if self.ready:
                self.take(shown)
            else:
                self.held.append(shown)
        elif payload == b"2" and self.crowd.protocol == "socketio":
            self.crowd.pings += 1
            self.socket.send(frame(b"3"))
        elif opcode == PING:
            self.socket.send(frame(payload, PONG))
        elif opcode == CLOSE:
            self.crowd.lose(self)
        elif not self.ready:
            self.step(payload)


class Crowd:
    """Viewers of one server.

    `connected` so far; `frames` delivered; `skipped` numbers before full frames; `gaps` before frames of changed rows, and new
    epochs; `repeated`: frames that came again or out of order; `lost`: connections that the server closed; `times`: when
    each frame came to the first of all, by perf_counter.
    """

    def __init__(self, loop: Loop, port: int, protocol: Protocol = "socketio", limit: int = 10) -> None:
        self.loop = loop
        self.port = port
        self.protocol = protocol
        self.limit = limit
        self.beginning = b'42["board",' if protocol == "socketio" else b'["board",'
        self.viewers: list[Viewer] = []
        self.known: dict[bytes, Shown] = {}
        self.samples: list[tuple[int, int, float]] | None = None
        self.frames = self.skipped = self.gaps = self.repeated = self.lost = self.pings = self.frame_bytes = 0
        self.connected = 0
        self.times: list[float] = []
        self._pictures: dict[str, Picture] = {}

    def connect(self, count: int, topics: Sequence[str], *, small_buffer: bool = False, at_once: int = AT_ONCE) -> None:
        """So many more viewers, spread over the topics; returns when all have their snapshot."""
        began, opened, deadline = self.connected, 0, time.monotonic() + 60 + count / 20
        topic = islice(cycle(topics), len(self.viewers), None)
        while self.connected - began < count:
            while opened < count and opened - (self.connected - began) < at_once:
                viewer = Viewer(self, next(topic), small_buffer)
                self.viewers.append(viewer)
                self.loop.add(viewer.fd, viewer.on_readable)
                opened += 1
            self.loop.turn(0.05)
            if time.monotonic() > deadline or self.lost:
                raise TimeoutError(
                    f"{self.connected - began} of {count} viewers are connected, {self.lost} were turned away"
                )

    def stop_reading(self) -> None:
        """From now on nobody reads anything."""
        for viewer in self.viewers:
            self.loop.remove(viewer.fd)

    def close(self) -> None:
        """All leave, as a closed tab does."""
        goodbye = frame((1001).to_bytes(2, "big"), CLOSE)
        for viewer in self.viewers:
            self.loop.remove(viewer.fd)
            try:
                viewer.socket.send(goodbye)
            except OSError:
                self.lost += 1
            viewer.socket.close()
        self.viewers = []

    def settle(self, last: Callable[[], bool], within_s: float = 30.0) -> None:
        """Read until `last()` says that what is shown is the last there is, and every viewer has it. Raises TimeoutError."""
        try:
            self.loop.run_until(
                lambda: not self.behind() and last(), within_s, "the last frame at every viewer", LOOK_S
            )
        except TimeoutError as error:
            raise TimeoutError(f"{error}; {len(self.behind())} of {len(self.viewers)} viewers are behind") from None

    def behind(self) -> list[Viewer]:
        """Who does not hold what its topic shows."""
        return [
            viewer
            for viewer in self.viewers
            if not viewer.ready
            or (viewer.epoch, viewer.seq) != ((now := self._pictures[viewer.topic]).epoch, now.seq)
            or not now.whole
        ]

    def picture(self, topic: str) -> Picture:
        return self._pictures.setdefault(topic, Picture())

    def path(self, topic: str) -> str:
        return PATH if self.protocol == "socketio" else f"/?topic={topic}&limit={self.limit}"

    def subscription(self, topic: str) -> bytes:
        return event(0, "subscribe", {"topic": topic, "limit": self.limit})

    def lose(self, viewer: Viewer) -> None:
        self.loop.remove(viewer.fd)
        viewer.socket.close()
        viewer.ready = False
        self.lost += 1

    def read(self, payload: bytes) -> Shown:
        """A frame; what nobody was sent before goes into the picture."""
        shown = self.known.get(payload)
        if shown is None:
            _, body = json.loads(payload[2:] if self.protocol == "socketio" else payload)
            rows = body["rows"]
            marker = next((int(row["score"]) for row in rows if row["player"] == MARKER), 0)
            shown = Shown(body["topic"], body["epoch"], body["seq"], body["full"], body["players"], rows, marker)
            if len(self.known) > KNOWN:
                self.known.clear()
            self.known[payload] = shown
            self.picture(shown.topic).take(shown)
            self.times.append(time.perf_counter())
            self.frame_bytes = len(payload)
        return shown
