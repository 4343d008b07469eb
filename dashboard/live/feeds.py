"""All feeds behind one door: a topic's name decides which of them serves it."""

from dashboard.errors import InvalidInput
from dashboard.live.broadcaster import Broadcaster
from dashboard.live.pulse import PulseFeed
from dashboard.live.topics import Topic, parse_topic
from dashboard.live.view import Frame

LIMIT = 10


class Feeds:
    """What a connection can ask for: `subscribe`, `unsubscribe`, `sync`; and `gone` when it has ended."""

    def __init__(self, broadcaster: Broadcaster, pulse: PulseFeed) -> None:
        self._broadcaster = broadcaster
        self._pulse = pulse

    def subscribe(self, viewer: str, topic: str, limit: int | None) -> Frame:
        """The answer to `subscribe`. `limit` is a board's (default LIMIT). Raises InvalidInput, StoreUnavailable."""
        wanted = parse_topic(topic)
        if wanted.kind == "board":
            return self._broadcaster.subscribe(viewer, wanted, LIMIT if limit is None else limit)
        if limit is not None:
            raise InvalidInput("`limit` goes with board topics only.", ("/limit", "not for this topic"))
        return self._pulse.subscribe(viewer, wanted)

    def unsubscribe(self, viewer: str, topic: str) -> None:
        """Raises InvalidInput, NotSubscribed, StoreUnavailable."""
        wanted = parse_topic(topic)
        self._feed(wanted).unsubscribe(viewer, wanted)

    def sync(self, viewer: str, topic: str, position: str) -> int:
        """See Broadcaster.sync."""
        wanted = parse_topic(topic)
        if wanted.kind != "board":
            raise InvalidInput("`sync` goes with board topics only.", ("/topic", "not a board topic"))
        return self._broadcaster.sync(viewer, wanted, position)

    def gone(self, viewer: str) -> None:
        """A connection has ended."""
        self._broadcaster.gone(viewer)
        self._pulse.gone(viewer)

    def _feed(self, topic: Topic) -> Broadcaster | PulseFeed:
        return self._broadcaster if topic.kind == "board" else self._pulse
