"""Viewers that connect again by themselves, judge what they are shown, and post scores: `python watcher.py URL OPTIONS`.

OPTIONS is JSON: `viewers`, how many; `topics` to watch, with their limits; `scores`, the board to post to, each score a
number for a player of its own, `name NUMBER`; `naive`: frames are taken as they come, whatever their numbers.

Says `ready` once all are shown something. Then a line of JSON is awaited: `rows`, what each topic has in the end, and
`within_s`; the answer is one object:
`gaps`, `frames`, `connects`: how many; `unequal`: who was not shown those rows in time; `posted`, `acknowledged`: scores;
`states`: a digest of what was shown, by topic, epoch and seq; `wrong`: what breaks the contract, and two viewers of the same
topic, epoch and seq who were shown different things.
"""

import hashlib
import json
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import cycle
from typing import Any

from socketio.exceptions import SocketIOError

from tests.journeys.ordered_client import OrderedClient
from tests.live.picture import Lost, Picture

WAYS = (["websocket"], ["websocket"], None, ["polling"])


class Naive(Picture):
    """Does not look for gaps."""

    def show(self, frame: dict[str, Any]) -> None:
        if self.seq < frame["seq"]:
            self.seq = frame["seq"] - 1
        super().show(frame)


class Stubborn(OrderedClient):
    """Tries again where the library gives up for good: the answer to its first poll was torn."""

    def _handle_reconnect(self) -> None:
        while True:
            try:
                super()._handle_reconnect()
            except IndexError:
                continue
            return


class Told:
    """What all viewers together were told."""

    def __init__(self) -> None:
        self.gaps = self.frames = self.connects = self.posted = 0
        self.acknowledged: list[int] = []
        self.wrong: list[str] = []
        self.unequal: list[str] = []
        self.states: dict[str, str] = {}

    def note(self, topic: str, picture: Picture) -> None:
        key = f"{topic} {picture.epoch} {picture.seq}"
        digest = hashlib.sha1(text(picture.players, picture.rows).encode(), usedforsecurity=False).hexdigest()[:16]
        if self.states.setdefault(key, digest) != digest:
            self.wrong.append(f"{key}: not what others saw")


def text(players: int, rows: list[dict[str, Any]]) -> str:
    """What a topic shows, as one text."""
    return "\n".join([str(players), *(f"{row['rank']} {row['player']} {row['score']}" for row in rows)])


class Viewer:
    """One connection. Events come one after the other, in a thread of its own."""

    def __init__(self, n: int, url: str, topics: dict[str, int], told: Told, make: Callable[[], Picture]) -> None:
        self.pictures = {topic: make() for topic in topics}
        self._topics = topics
        self._told = told
        self._seen = dict.fromkeys(topics, False)
        self._rounds = dict.fromkeys(topics, 0)
        self.client = Stubborn(reconnection=True, reconnection_delay=0.05, reconnection_delay_max=0.3)
        self.client.on("connect", self._connected)
        self.client.on("disconnect", self._disconnected)
        self.client.on("board", self._framed)
        self.client.connect(url, transports=WAYS[n % len(WAYS)], retry=True)

    def shows(self, topic: str, wanted: str | None = None) -> bool:
        """Whether it is up to date, as far as it knows, and shows that."""
        picture = self.pictures[topic]
        return self._seen[topic] and wanted in (None, text(picture.players, picture.rows))

    def post(self, board: str, name: str) -> None:
        if self.client.connected:
            self._told.posted += 1
            number = self._told.posted
            score = {"board": board, "player": f"{name} {number}", "score": number}
            self._emit("score", score, partial(self._posted, number))

    def _posted(self, number: int, answer: dict[str, Any]) -> None:
        if "error" not in answer:
            self._told.acknowledged.append(number)

    def _connected(self) -> None:
        self._told.connects += 1
        for topic in self._topics:
            self._ask(topic)

    def _disconnected(self, reason: str) -> None:
        for topic in self._topics:
            self._seen[topic] = False

    def _ask(self, topic: str) -> None:
        self._rounds[topic] += 1
        self._seen[topic] = False
        self.pictures[topic].again()
        question = {"topic": topic, "limit": self._topics[topic]}
        self._emit("subscribe", question, partial(self._answered, topic, self._rounds[topic]))

    def _answered(self, topic: str, round: int, answer: dict[str, Any]) -> None:
        if round != self._rounds[topic]:
            return
        if "error" in answer:
            threading.Timer(0.2, self._ask, (topic,)).start()
            return
        self._seen[topic] = True
        self._follow(topic, lambda picture: picture.take(answer))

    def _framed(self, frame: dict[str, Any]) -> None:
        self._told.frames += 1
        self._follow(frame["topic"], lambda picture: picture.show(frame))

    def _follow(self, topic: str, step: Callable[[Picture], None]) -> None:
        picture = self.pictures[topic]
        try:
            step(picture)
        except Lost:
            self._told.gaps += 1
            self._ask(topic)
        except AssertionError as error:
            self._told.wrong.append(f"{topic}: {error}")
        else:
            if self._seen[topic]:
                self._told.note(topic, picture)

    def _emit(self, event: str, payload: dict[str, Any], answered: Callable[[dict[str, Any]], None]) -> None:
        with suppress(SocketIOError):  # the connection has ended meanwhile
            self.client.emit(event, payload, callback=answered)


def wait(holds: Callable[[], bool], within_s: float) -> bool:
    end = time.monotonic() + within_s
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.01)
    return held


def main(url: str, options: dict[str, Any]) -> None:
    told, topics = Told(), options["topics"]
    all_of_them = [
        Viewer(n, url, topics, told, Naive if options.get("naive") else Picture) for n in range(options["viewers"])
    ]
    over = threading.Event()

    def post() -> None:
        for viewer in cycle(all_of_them):
            if over.wait(0.25 / len(all_of_them)):
                return
            viewer.post(options["scores"], options["name"])

    if options.get("scores"):
        threading.Thread(target=post, daemon=True).start()
    if wait(lambda: all(viewer.shows(topic) for viewer in all_of_them for topic in topics), 20):
        print("ready", flush=True)
    end = json.loads(sys.stdin.readline())
    over.set()

    def unequal() -> list[str]:
        every = [(viewer, topic) for viewer in all_of_them for topic in end["rows"]]
        return [f"{v.client.transport()} {topic}" for v, topic in every if not v.shows(topic, end["rows"][topic])]

    wait(lambda: not unequal(), end["within_s"])
    told.unequal = unequal()
    for viewer in all_of_them:
        viewer.client.disconnect()
    print(json.dumps(vars(told)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
