"""Tails: the entries of streams, each once and in order, to whoever watches.

Owns: topics `stream:{name}`, the one reader of this process for all watched streams, and what a viewer who comes back
with `after` gets first. Leaves to others: which names there are (`find` is handed in), who watches (`audience.py`).

Nothing is read where nobody watches. Nothing is conflated. A place is kept per stream: what the room has been sent.
A viewer who joins is sent what lies between `after` and that place, then enters the room, and no entry moves meanwhile.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition, Event

from dashboard.errors import InvalidInput, StoreUnavailable
from dashboard.live.audience import Audience, Move
from dashboard.live.topics import Topic
from dashboard.live.view import Frame
from dashboard.store.client import Client
from dashboard.store.scripts import answering
from dashboard.store.stream import ID, Raw, Stream, as_fields, place, shown

log = logging.getLogger(__name__)

BLOCK_MS = 200
"""How long one read waits for entries; so long it takes at most until the stream of a new viewer is read with the rest."""
PAGE = 500
REPLAY = 10_000
"""Most entries that a viewer who comes back is sent: as many as a stream holds. One who missed more is told so."""
AWAY_S = 1.0

Emit = Callable[[str, Frame, str], None]
Find = Callable[[str], Stream]


@dataclass(slots=True)
class _Watch:
    """A stream that is watched. `last` is the id up to which its room was sent everything, `seq` how many that were."""

    topic: str
    stream: Stream
    last: str
    viewers: set[str] = field(default_factory=set)
    seq: int = 0

    @property
    def room(self) -> str:
        return self.topic


class Tails:
    """`emit(event, frame, room)` sends to all in a room, or to one viewer, whose own name is a room too; `client` waits
    in its reads, so its time limit is longer than BLOCK_MS.
    """

    def __init__(self, client: Client, find: Find, emit: Emit, enter: Move, leave: Move) -> None:
        self._client = client
        self._find = find
        self._emit = emit
        self._audience: Audience[_Watch] = Audience(enter, leave)
        self._changed = Condition()
        self._stop = Event()
        self._epoch = secrets.token_hex(4)

    def subscribe(self, viewer: str, topic: Topic) -> Frame:
        """Let a viewer watch what comes from now on. The snapshot says after which id that is (`last`).

        Raises StreamNotFound, StoreUnavailable. At most two round trips.
        """
        stream = self._find(topic.subject)
        with self._changed:
            watch = self._watch(topic, stream)
            self._join(viewer, watch)
            return self._answer(watch, replayed=0, complete=True)

    def resume(self, viewer: str, topic: Topic, after: str) -> Frame:
        """Let a viewer watch what came after an id ('0': all there is) and what comes from now on, each entry once.

        What came is sent as the same `entry` events, before this answers. `complete` is false in the snapshot where
        entries between `after` and the first one sent are there no more, or were more than REPLAY. Raises InvalidInput
        (not an id), StreamNotFound, StoreUnavailable. One round trip per PAGE entries and at most three more.
        """
        sent, after = 0, _clean_id(after)
        stream = self._find(topic.subject)
        with self._changed:
            if viewer in self._viewers(topic.name):  # it watches already: its place is another one now
                self._audience.quit(viewer, topic.name)
        complete = after == "0-0" or self._is_there(stream, after)
        while True:  # the bulk of it without holding up the others
            page = self._range(stream, after, "+")
            if len(page) < PAGE or sent >= REPLAY:
                break
            sent += self._send(viewer, topic.name, page)
            after = page[-1][0].decode()
        with self._changed:
            watch = self._watch(topic, stream)
            while place(after) < place(watch.last) and sent < REPLAY + PAGE:
                page = self._range(stream, after, watch.last)
                if not page:
                    break
                sent += self._send(viewer, topic.name, page)
                after = page[-1][0].decode()
            missed = place(after) < place(watch.last) and bool(self._range(stream, after, watch.last))
            self._join(viewer, watch)
            return self._answer(watch, replayed=sent, complete=complete and not missed)

    def unsubscribe(self, viewer: str, topic: Topic) -> None:
        """Raises NotSubscribed."""
        with self._changed:
            self._audience.quit(viewer, topic.name)

    def gone(self, viewer: str) -> None:
        """A viewer's connection has ended."""
        with self._changed:
            self._audience.gone(viewer)

    def run(self) -> None:
        """Read until `stop`, in one call for all watched streams. After an outage it goes on where each stream was."""
        away = False
        while not self._stop.is_set():
            with self._changed:
                if not self._audience.watches and not self._stop.is_set():
                    self._changed.wait()
                    continue
            try:
                self.read()
                away = False
            except StoreUnavailable as error:
                if not away:
                    log.warning("tails: %s", error)
                away = True
                self._stop.wait(AWAY_S)
            except Exception:
                log.exception("tails: a read failed; the next one tries again")
                self._stop.wait(AWAY_S)

    def stop(self) -> None:
        with self._changed:  # else it could begin to wait in between
            self._stop.set()
            self._changed.notify_all()

    def read(self) -> None:
        """Wait for entries and send them. One round trip."""
        with self._changed:
            wanted = {watch.stream.key: watch.last for watch in self._audience.watches.values()}
        if not wanted:
            return
        with answering():
            found = self._client.xread(wanted, count=PAGE, block=BLOCK_MS)
        with self._changed:
            watches = {watch.stream.key: watch for watch in self._audience.watches.values()}
            for key, entries in found or ():
                watch = watches.get(key.decode())
                if watch is None or watch.last != wanted[watch.stream.key]:
                    continue  # it ended meanwhile, or began anew at another place
                watch.seq += self._send(watch.room, watch.topic, entries)
                watch.last = entries[-1][0].decode()

    def _watch(self, topic: Topic, stream: Stream) -> _Watch:
        """The watch of a topic, or one that begins at the stream's end."""
        watch = self._audience.watches.get(topic.name)
        if watch is None:
            with answering():
                newest = self._client.xrevrange(stream.key, count=1)
            watch = _Watch(topic.name, stream, newest[0][0].decode() if newest else "0-0")
        return watch

    def _viewers(self, topic: str) -> set[str]:
        watch = self._audience.watches.get(topic)
        return watch.viewers if watch else set()

    def _join(self, viewer: str, watch: _Watch) -> None:
        self._audience.join(viewer, watch.topic, watch)
        self._changed.notify_all()

    def _answer(self, watch: _Watch, *, replayed: int, complete: bool) -> Frame:
        snapshot = {"last": watch.last, "replayed": replayed, "complete": complete}
        return {"topic": watch.topic, "epoch": self._epoch, "seq": watch.seq, "snapshot": snapshot}

    def _is_there(self, stream: Stream, id: str) -> bool:
        """Whether nothing behind that id was trimmed: it is kept itself, or the stream is younger."""
        with answering():
            oldest = self._client.xrange(stream.key, count=1)
        return not oldest or place(oldest[0][0].decode()) <= place(id)

    def _range(self, stream: Stream, after: str, last: str) -> Raw:
        with answering():
            found: Raw = self._client.xrange(stream.key, f"({after}", last, count=PAGE)
        return found

    def _send(self, room: str, topic: str, entries: Raw) -> int:
        for id, raw in entries:
            self._emit("entry", {"topic": topic, "id": id.decode(), "fields": shown(as_fields(raw))}, room)
        return len(entries)


def _clean_id(text: str) -> str:
    """A stream id; its second half may be left out. Raises InvalidInput."""
    whole = text if "-" in text else f"{text}-0"
    if ID.fullmatch(whole) and max(place(whole)) < 2**64:
        return whole
    raise InvalidInput(f"{text[:60]!r} is no entry's id; '0' is the stream's beginning.", ("/after", "not an id"))
