"""Channels: Redis pub/sub as it is, so that `redis-cli PUBLISH orders "..."` and our own publishing are the same thing.

Owns: publishing, and a subscription that follows what is wanted, on a connection of its own. Leaves to others: who watches.
Pub/sub keeps nothing: a message that is published while the subscription is away is gone, which is therefore reported.

The connection is read and written by the subscription's loop alone, which sleeps until something comes or is wanted: redis-py's
own can only look for both in turns.
"""

import logging
from collections import Counter
from collections.abc import Callable
from threading import Event, Lock
from time import monotonic
from typing import Any

import hiredis
import redis

from dashboard.store.bell import Bell
from dashboard.store.client import Client, Line, as_error, dial
from dashboard.store.scripts import answering

log = logging.getLogger(__name__)

LISTEN_S = 2.0
"""After so long without a word Redis is asked for one."""
SILENCE_S = 5.0
"""A connection on which nothing was heard for so long, not even the answer to a ping, is dead and did not say so."""
RETRY_S = (0.2, 0.5, 1.0, 2.0)
READ = 65_536


def publish(client: Client, channel: str, text: str) -> int:
    """Send a text to all who listen now; how many connections Redis gave it to. Raises StoreUnavailable. One round trip."""
    with answering():
        return int(client.publish(channel, text))


class Subscription:
    """`hear(channel, text)` is called for each message, in order. `renewed(away_s)` is called whenever a new connection has all
    that is wanted, with the time since the last one was lost, 0 where none was. `subject` is for the log.
    """

    def __init__(
        self,
        client: Client,
        hear: Callable[[str, str], None],
        renewed: Callable[[float], None],
        subject: str = "channels",
    ) -> None:
        self._client = client
        self._hear = hear
        self._renewed = renewed
        self._subject = subject
        self._wanted: set[str] = set()
        self._confirmed: dict[str, Event] = {}
        self._heard: set[str] = set()  # what Redis has confirmed and was not told to end
        self._lock = Lock()
        self._called = Event()
        self._bell: Bell | None = None
        self._stop = Event()
        self._whole, self._failures, self._lost_s = False, 0, 0.0

    def add(self, channel: str, *, timeout_s: float = 5.0) -> bool:
        """Listen to a channel too. True once Redis has confirmed it: what is published from then on is heard."""
        with self._lock:
            self._wanted.add(channel)
            confirmed = self._confirmed.setdefault(channel, Event())
            if channel in self._heard:  # the last listener left, and this one came before Redis was told
                confirmed.set()
        self._call()
        return confirmed.wait(timeout_s)

    def remove(self, channel: str) -> None:
        """Listen to it no longer."""
        with self._lock:
            self._wanted.discard(channel)
            self._confirmed.pop(channel, None)
        self._call()

    def run(self) -> None:
        """Listen until `stop`; subscribe again whenever the connection is lost, or answers no ping."""
        while not self._stop.is_set():
            self._called.wait()
            try:
                self._listen()
            except (redis.RedisError, OSError) as error:
                if self._stop.is_set():
                    return
                self._lost_s = self._lost_s or monotonic()
                if self._failures == 0:
                    log.warning("%s: lost Redis (%s); subscribing again until it answers", self._subject, error)
                with self._lock:
                    self._heard.clear()
                    for confirmed in self._confirmed.values():
                        confirmed.clear()
                self._stop.wait(RETRY_S[min(self._failures, len(RETRY_S) - 1)])
                self._failures += 1

    def stop(self) -> None:
        self._stop.set()
        self._call()

    def _call(self) -> None:
        """Let the loop see what has changed."""
        self._called.set()
        if bell := self._bell:
            bell.ring()

    def _listen(self) -> None:
        """Follow what is wanted until nothing is."""
        line = dial(self._client)
        try:
            with Bell(line.socket) as self._bell:
                self._follow(line, self._bell)
        finally:
            line.close()

    def _follow(self, line: Line, bell: Bell) -> None:
        reader = hiredis.Reader(protocolError=redis.InvalidResponse, replyError=as_error)
        having: set[str] = set()
        self._whole = False
        asked: Counter[str] = Counter()  # subscriptions that Redis has yet to confirm
        heard_s, ask_s = monotonic(), monotonic() + LISTEN_S
        while not self._stop.is_set():
            with self._lock:
                wanted = set(self._wanted)
                if not wanted and not having:
                    self._called.clear()
                    return
                self._heard &= wanted
            asked.update(wanted - having)
            if more := wanted - having:
                _say(line, "SUBSCRIBE", *more)
            if fewer := having - wanted:
                _say(line, "UNSUBSCRIBE", *fewer)
            having = wanted
            if bell.wait(max(0.0, ask_s - monotonic())):
                reader.feed(_read(line))
                while (reply := reader.gets()) is not False:
                    self._take(reply, asked, having)
                heard_s, ask_s = monotonic(), monotonic() + LISTEN_S
            elif monotonic() > heard_s + SILENCE_S:
                raise redis.TimeoutError(f"no answer for {SILENCE_S:g} s")
            elif monotonic() >= ask_s:
                _say(line, "PING")
                ask_s = monotonic() + LISTEN_S

    def _take(self, reply: Any, asked: Counter[str], having: set[str]) -> None:
        match reply:
            case Exception():
                raise reply
            case [b"message", channel, data]:
                self._hear(channel.decode(errors="replace"), data.decode(errors="replace"))
            case [b"subscribe", name, _]:
                channel = name.decode(errors="replace")
                asked[channel] -= 1
                with self._lock:
                    if not asked[channel] and channel in having and channel in self._confirmed:
                        self._heard.add(channel)
                        self._confirmed[channel].set()
                    whole = all(confirmed.is_set() for confirmed in self._confirmed.values())
                if whole and not self._whole:
                    self._tell()

    def _tell(self) -> None:
        """For the first time on this connection, all that is wanted is heard."""
        away_s = monotonic() - self._lost_s if self._lost_s else 0.0
        self._whole, self._failures, self._lost_s = True, 0, 0.0
        self._renewed(away_s)


def _say(line: Line, *words: str) -> None:
    line.socket.sendall(hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub knows only one word


def _read(line: Line) -> bytes:
    data: bytes = line.socket.recv(READ)
    if not data:
        raise redis.ConnectionError("Redis closed the connection")
    return data
