"""Top lists: what was counted most in the last seconds, over all processes. Bounded, and gone by itself.

Owns: one sorted set per second and kind, each written with its end in one step. Leaves to others: what is counted.
"""

from collections.abc import Callable, Mapping

from dashboard.store.client import Client
from dashboard.store.scripts import answering

KEPT_S = 60
KEPT = 100
"""Members kept of one second."""


class TopList:
    """`name(second, kind)` gives the key. Members are texts; the empty one is never cut off, so it can be the total."""

    def __init__(self, client: Client, name: Callable[[int, str], str]) -> None:
        self._client = client
        self._name = name

    def add(self, second: int, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Add `{kind: {member: n}}` to a second. Raises StoreUnavailable. One round trip, one transaction."""
        with answering(), self._client.pipeline(transaction=True) as pipe:
            for kind, members in counts.items():
                key = self._name(second, kind)
                for member, n in members.items():
                    pipe.zincrby(key, n, member)
                pipe.zremrangebyrank(key, 0, -KEPT - 1)
                pipe.expire(key, KEPT_S)
            pipe.execute()

    def read(self, *wanted: tuple[range, str]) -> list[dict[str, int]]:
        """For each span of seconds and kind `{member: n}`, summed. Raises StoreUnavailable. One round trip."""
        with answering(), self._client.pipeline(transaction=False) as pipe:
            for seconds, kind in wanted:
                pipe.zunion([self._name(second, kind) for second in seconds], withscores=True)
            return [{member.decode(): int(n) for member, n in found} for found in pipe.execute()]
