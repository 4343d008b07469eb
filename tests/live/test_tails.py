"""Tails on the real server: each entry once and in order, to those who watch all along and to those who come back."""

import random
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dashboard.errors import InvalidInput, NotSubscribed, StreamNotFound
from dashboard.live import tails as module
from dashboard.live.tails import Tails
from dashboard.live.topics import Topic
from dashboard.parts import Parts
from dashboard.store.client import connect
from dashboard.store.scripts import Scripts
from dashboard.store.stream import Stream
from tests.store.hold import wait_until

Make = Callable[..., Tails]
Add = Callable[[int], list[str]]


class Rooms:
    """Rooms as the Socket.IO server has them: who is in a room gets what is sent to it, and a viewer is a room too."""

    def __init__(self) -> None:
        self.rooms: dict[str, set[str]] = defaultdict(set)
        self.got: dict[str, list[str]] = defaultdict(list)
        self.fields: dict[str, dict[str, str]] = {}

    def emit(self, event: str, frame: dict[str, Any], room: str) -> None:
        assert event == "entry"
        for viewer in [*self.rooms[room], *([room] if room.startswith("viewer") else [])]:
            self.got[viewer].append(frame["id"])
        self.fields[frame["id"]] = frame["fields"]

    def enter(self, viewer: str, room: str) -> None:
        self.rooms[room].add(viewer)

    def leave(self, viewer: str, room: str) -> None:
        self.rooms[room].discard(viewer)


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


@pytest.fixture
def stream(parts: Parts) -> Iterator[Stream]:
    one = Stream(parts.client, Scripts(parts.client), f"test-{uuid.uuid4().hex[:12]}")
    yield one
    parts.client.delete(one.key)


@pytest.fixture
def topic(stream: Stream) -> Topic:
    return Topic(f"stream:{stream.key}", "stream", stream.key)


@pytest.fixture
def make(parts: Parts, rooms: Rooms, stream: Stream) -> Iterator[Make]:
    """Makes Tails that run until the test ends."""
    running: list[tuple[Tails, threading.Thread]] = []
    client = connect(parts.url, timeout_s=10.0)

    def find(name: str) -> Stream:
        if name == stream.key:
            return stream
        raise StreamNotFound(name)

    def start(kind: type[Tails] = Tails) -> Tails:
        tails = kind(client, find, rooms.emit, rooms.enter, rooms.leave)
        thread = threading.Thread(target=tails.run)
        thread.start()
        running.append((tails, thread))
        return tails

    yield start
    for tails, thread in running:
        tails.stop()
        thread.join(5)
        assert not thread.is_alive()
    client.close()


@pytest.fixture
def add(parts: Parts, stream: Stream) -> Add:
    """Adds so many entries; their ids."""

    def added(count: int) -> list[str]:
        with parts.client.pipeline(transaction=False) as pipe:
            for n in range(count):
                pipe.xadd(stream.key, {"n": n})
            return [id.decode() for id in pipe.execute()]

    return added


def test_a_viewer_gets_each_entry_from_now_on(make: Make, add: Add, rooms: Rooms, topic: Topic) -> None:
    tails = make()
    before = add(3)
    answer = tails.subscribe("viewer1", topic)
    assert (answer["topic"], answer["seq"]) == (topic.name, 0)
    assert answer["snapshot"] == {"last": before[-1], "replayed": 0, "complete": True}
    ids = add(50)
    wait_until(lambda: len(rooms.got["viewer1"]) >= 50)
    assert rooms.got["viewer1"] == ids
    assert rooms.fields[ids[7]] == {"n": "7"}
    tails.unsubscribe("viewer1", topic)
    add(1)
    with pytest.raises(NotSubscribed):
        tails.unsubscribe("viewer1", topic)


@pytest.mark.parametrize("others_watch", [True, False])
def test_one_who_comes_back_gets_what_was_missed_then_what_comes(
    make: Make, add: Add, rooms: Rooms, topic: Topic, others_watch: bool
) -> None:
    tails = make()
    if others_watch:
        tails.subscribe("viewer0", topic)
    ids = add(1200)
    answer = tails.resume("viewer1", topic, ids[9])
    assert answer["snapshot"] == {
        "last": answer["snapshot"]["last"],
        "replayed": len(rooms.got["viewer1"]),
        "complete": True,
    }
    ids += add(20)
    wait_until(lambda: rooms.got["viewer1"][-1:] == ids[-1:])
    assert rooms.got["viewer1"] == ids[10:]
    tails.resume("viewer1", topic, ids[-3])  # again, while watching
    ids += add(5)
    wait_until(lambda: rooms.got["viewer1"][-1:] == ids[-1:])
    assert rooms.got["viewer1"] == ids[10:-5] + ids[-7:]
    if others_watch:
        assert rooms.got["viewer0"] == ids


def test_zero_is_the_beginning_and_the_end_of_an_id_may_be_left_out(
    make: Make, add: Add, rooms: Rooms, topic: Topic
) -> None:
    ids = add(3)
    make().resume("viewer1", topic, "0")
    assert rooms.got["viewer1"] == ids
    milliseconds = str(int(ids[0].partition("-")[0]) - 1)
    make().resume("viewer2", topic, milliseconds)
    assert rooms.got["viewer2"] == ids


def test_one_who_missed_too_much_is_told(
    make: Make, add: Add, parts: Parts, rooms: Rooms, stream: Stream, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = add(30)
    parts.client.xtrim(stream.key, maxlen=20, approximate=False)
    tails = make()
    assert tails.resume("viewer1", topic, ids[5])["snapshot"]["complete"] is False, "entries after it were trimmed"
    assert rooms.got["viewer1"] == ids[10:]
    assert tails.resume("viewer2", topic, ids[10])["snapshot"]["complete"] is True
    monkeypatch.setattr(module, "PAGE", 3)
    monkeypatch.setattr(module, "REPLAY", 6)
    assert tails.resume("viewer3", topic, ids[10])["snapshot"]["complete"] is False, "more than is ever sent at once"
    assert rooms.got["viewer3"] == ids[11:][: len(rooms.got["viewer3"])]
    assert len(rooms.got["viewer3"]) <= 9


@pytest.mark.parametrize("after", ["x", "-", "1-", "1-x", "-1", "1.5", "9" * 30, str(2**64), "$", "٣-٣"])
def test_what_is_no_id_is_refused(make: Make, topic: Topic, after: str) -> None:
    with pytest.raises(InvalidInput):
        make().resume("viewer1", topic, after)


def test_an_unknown_stream_is_not_found(make: Make) -> None:
    for name in ("sc:boards", "other"):
        with pytest.raises(StreamNotFound):
            make().subscribe("viewer1", Topic(f"stream:{name}", "stream", name))


def test_nothing_is_read_where_nobody_watches(make: Make, parts: Parts, stream: Stream, topic: Topic) -> None:
    def reads() -> int:
        stats = parts.client.info("commandstats")
        return int(stats.get("cmdstat_xread", {"calls": 0})["calls"])

    tails = make()
    tails.subscribe("viewer1", topic)
    start = reads()
    wait_until(lambda: reads() > start)
    tails.gone("viewer1")
    wait_until(lambda: not threading.Event().wait(0.3) and reads() == reads())
    before = reads()
    threading.Event().wait(0.7)  # a time in which nothing may happen
    assert reads() == before


class Careless(Tails):
    """The naive version: it looks what was missed and lets the viewer in, and entries may come between the two."""

    def resume(self, viewer: str, topic: Topic, after: str) -> dict[str, Any]:
        stream = self._find(topic.subject)
        watch = self._watch(topic, stream)
        page = self._range(stream, after, "+")
        self._send(viewer, topic.name, page)
        threading.Event().wait(0.01)
        with self._changed:
            watch = self._audience.watches.get(topic.name, watch)
            self._join(viewer, watch)
            return self._answer(watch, replayed=len(page), complete=True)


@pytest.mark.parametrize("kind", [Tails, Careless])
def test_viewers_who_come_and_go_miss_nothing_and_see_nothing_twice(
    make: Make, rooms: Rooms, stream: Stream, topic: Topic, kind: type[Tails]
) -> None:
    """The control, without a lock between replay and live, must be found out."""
    tails, over, ids = make(kind), threading.Event(), [stream.add({"n": "first"})]

    def write() -> None:
        while not over.is_set():
            ids.append(stream.add({"n": "x"}))

    def come_and_go(viewer: str) -> None:
        chance = random.Random(viewer)
        for _ in range(15):
            last = rooms.got[viewer][-1] if rooms.got[viewer] else ids[0]
            tails.resume(viewer, topic, last)
            seen = len(rooms.got[viewer])
            wait_until(lambda seen=seen: len(rooms.got[viewer]) > seen + chance.randint(0, 20))  # type: ignore[misc]
            tails.gone(viewer)
            rooms.leave(viewer, topic.name)

    writer = threading.Thread(target=write)
    viewers = [threading.Thread(target=come_and_go, args=(f"viewer{n}",)) for n in range(4)]
    for thread in (writer, *viewers):
        thread.start()
    for thread in viewers:
        thread.join()
    over.set()
    writer.join()
    right = [got == ids[1 : len(got) + 1] for got in rooms.got.values()]
    assert len(right) == 4
    assert all(right) if kind is Tails else not all(right)
