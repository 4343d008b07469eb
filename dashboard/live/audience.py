"""The audience of one feed: which viewer watches which topic through which watch.

Owns: membership, and the rooms that follow from it. Leaves to others: what is sent. Not locked: its owner is.
"""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from dashboard.errors import NotSubscribed

Move = Callable[[str, str], None]


class Watch(Protocol):
    """What can be watched: all its viewers share a room, and so every frame."""

    @property
    def room(self) -> str: ...

    @property
    def viewers(self) -> set[str]: ...


W = TypeVar("W", bound=Watch)


class Audience(Generic[W]):
    """`enter(viewer, room)` and `leave(viewer, room)` change a connection's rooms."""

    def __init__(self, enter: Move, leave: Move) -> None:
        self._enter = enter
        self._leave = leave
        self._of_viewer: dict[str, dict[str, W]] = {}
        self.watches: dict[str, W] = {}

    def __len__(self) -> int:
        return len(self._of_viewer)

    def join(self, viewer: str, topic: str, watch: W) -> None:
        """The viewer watches the topic through `watch` from now on, and no longer through another one."""
        if self._of_viewer.get(viewer, {}).get(topic) is watch:
            return
        self._drop(viewer, topic)
        watch.viewers.add(viewer)
        self.watches[watch.room] = watch
        self._of_viewer.setdefault(viewer, {})[topic] = watch
        self._enter(viewer, watch.room)

    def of(self, viewer: str, topic: str) -> W:
        """The watch through which the viewer watches the topic. Raises NotSubscribed."""
        watch = self._of_viewer.get(viewer, {}).get(topic)
        if watch is None:
            raise NotSubscribed(f"This connection does not watch {topic}: subscribe to it first.")
        return watch

    def quit(self, viewer: str, topic: str) -> None:
        """The viewer no longer watches the topic. Raises NotSubscribed."""
        self.of(viewer, topic)
        self._drop(viewer, topic)

    def gone(self, viewer: str) -> list[W]:
        """The viewer's connection has ended, and with it its rooms. What it watched."""
        watches = self._of_viewer.get(viewer, {}).copy()
        for topic in watches:
            self._drop(viewer, topic, connected=False)
        return list(watches.values())

    def _drop(self, viewer: str, topic: str, *, connected: bool = True) -> None:
        topics = self._of_viewer.get(viewer, {})
        watch = topics.pop(topic, None)
        if watch is None:
            return
        watch.viewers.discard(viewer)
        if connected:
            self._leave(viewer, watch.room)
        if not watch.viewers:
            self.watches.pop(watch.room, None)
        if not topics:
            del self._of_viewer[viewer]
