"""All feeds behind one door: a topic's kind decides which of them serves it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol

from dashboard.errors import InvalidInput, NotSubscribed
from dashboard.live.broadcaster import Broadcaster
from dashboard.live.topics import Kind, Topic, parse_topic
from dashboard.live.view import Frame

LIMIT = 10


class Feed(Protocol):
    """What serves the topics of one kind."""

    def subscribe(self, viewer: str, topic: Topic) -> Frame: ...
    def unsubscribe(self, viewer: str, topic: Topic) -> None: ...
    def gone(self, viewer: str) -> None: ...


class ResumableFeed(Feed, Protocol):
    """A feed whose topics can be watched from behind an entry."""

    def resume(self, viewer: str, topic: Topic, after: str) -> Frame: ...


class Feeds:
    """What a connection can ask for: `subscribe`, `unsubscribe`, `sync`; and `gone` when it has ended."""

    def __init__(
        self, broadcaster: Broadcaster, feeds: Mapping[Kind, Feed], tails: ResumableFeed | None = None
    ) -> None:
        self._broadcaster = broadcaster
        self._tails = tails
        self._feeds: dict[Kind, Feed] = {**feeds, **({"stream": tails} if tails else {})}

    def subscribe(self, viewer: str, topic: str, limit: int | None = None, after: str | None = None) -> Frame:
        """The answer to `subscribe`. `limit` goes with boards (default LIMIT), `after` with streams.

        Raises InvalidInput, StoreUnavailable.
        """
        wanted = parse_topic(topic)
        if limit is not None and wanted.kind != "board":
            raise InvalidInput("`limit` goes with board topics only.", ("/limit", "not for this topic"))
        if after is not None:
            if wanted.kind != "stream" or self._tails is None:
                raise InvalidInput("`after` goes with stream topics only.", ("/after", "not for this topic"))
            return self._tails.resume(viewer, wanted, after)
        if wanted.kind == "board":
            return self._broadcaster.subscribe(viewer, wanted, LIMIT if limit is None else limit)
        return self._feed(wanted).subscribe(viewer, wanted)

    def unsubscribe(self, viewer: str, topic: str) -> None:
        """Raises InvalidInput, NotSubscribed, StoreUnavailable."""
        wanted = parse_topic(topic)
        (self._broadcaster if wanted.kind == "board" else self._feed(wanted)).unsubscribe(viewer, wanted)

    def subscribe_now(self, viewer: str, topic: str, limit: int | None, after: str | None) -> Frame | None:
        """As `subscribe`, where that neither waits nor is refused: a board that others watch already. Else None, and nothing
        happened.
        """
        wanted = _board_topic(topic)
        if wanted is None or after is not None:
            return None
        return self._broadcaster.subscribe_now(viewer, wanted, LIMIT if limit is None else limit)

    def unsubscribe_now(self, viewer: str, topic: str) -> bool:
        """As `unsubscribe`, where that neither waits nor is refused. Else False, and nothing happened."""
        wanted = _board_topic(topic)
        try:
            return wanted is not None and self._broadcaster.unsubscribe_now(viewer, wanted)
        except NotSubscribed:
            return False

    def sync(self, viewer: str, topic: str, position: str) -> int:
        """See Broadcaster.sync."""
        wanted = parse_topic(topic)
        if wanted.kind != "board":
            raise InvalidInput("`sync` goes with board topics only.", ("/topic", "not a board topic"))
        return self._broadcaster.sync(viewer, wanted, position)

    def gone(self, viewer: str) -> None:
        """A connection has ended."""
        self._broadcaster.gone(viewer)
        for feed in self._feeds.values():
            feed.gone(viewer)

    def _feed(self, topic: Topic) -> Feed:
        if topic.kind not in self._feeds:
            raise InvalidInput(f"{topic.name!r} cannot be watched here.", ("/topic", "unknown topic"))
        return self._feeds[topic.kind]


@lru_cache(1024)
def _board_topic(text: str) -> Topic | None:
    """The topic, if it is a board's."""
    try:
        topic = parse_topic(text)
    except InvalidInput:
        return None
    return topic if topic.kind == "board" else None
