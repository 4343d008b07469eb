"""The doorbell: hears which boards changed, over one pub/sub subscription per process.

A ring is a hint. One that is lost (while Redis restarts, say) is made up for by the broadcaster's sweep, and by ringing
every board once after each new subscription.
"""

from collections.abc import Callable
from threading import Event

from dashboard.core.shards import outer_name
from dashboard.store import keys
from dashboard.store.channel import Subscription
from dashboard.store.client import Client


class Doorbell:
    """`ring(board)` is called for every change heard; `ring_all()` after each (new) subscription.

    `listening` is set once there was one. `run` listens until `stop`.
    """

    def __init__(self, client: Client, ring: Callable[[str], None], ring_all: Callable[[], None]) -> None:
        self._ring_all = ring_all
        self.listening = Event()
        self._subscription = Subscription(
            client, lambda _, board: ring(outer_name(board)), self._renewed, subject="doorbell"
        )
        self._subscription.add(keys.CHANGED, timeout_s=0)
        self.run = self._subscription.run
        self.stop = self._subscription.stop

    def _renewed(self, _: float) -> None:
        self.listening.set()
        self._ring_all()
