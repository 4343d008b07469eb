"""Game clients: each a thread with one connection, posting what its players score.

Owns: threads, batches under load, what happens while the server is away. Leaves to others: connections (`posters.py`), who
scores what and when (`world.py`, `show.py`).

A client that cannot reach the server lets go of what it holds, as a game does whose player has walked on, and tries again
until the server is back. Nothing is posted twice.
"""

import queue
import threading
from collections.abc import Callable

from dashboard.demo.posters import Away, Body, Poster, Refused
from dashboard.demo.world import Play

RETRY_S = 0.5
MOST_AT_ONCE = 100


class Client:
    """One client. `on_sent(posted, lost)` is told of every play; `on_refused(reason)` once, if the server refuses it."""

    def __init__(self, poster: Poster, on_sent: Callable[[int, int], None], on_refused: Callable[[str], None]) -> None:
        self.is_online = False
        self._poster = poster
        self._on_sent = on_sent
        self._on_refused = on_refused
        self._waiting: queue.SimpleQueue[Play | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Connect, and post what comes."""
        self._thread.start()

    def play(self, play: Play) -> None:
        """Post this next."""
        self._waiting.put(play)

    def finish(self) -> None:
        """End once what waits is posted; `stop` does not wait for it."""
        self._waiting.put(None)

    def stop(self) -> None:
        """End after the post that is under way."""
        self._stopping.set()
        self._waiting.put(None)

    def join(self, timeout_s: float) -> None:
        """Wait for its end."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    self._poster.connect()
                    self.is_online = True
                    self._post_all()
                    return
                except Away:
                    self.is_online = False
                    if not self._let_go():
                        return
                    self._stopping.wait(RETRY_S)
        except Refused as refused:
            self._on_refused(str(refused))
        finally:
            self.is_online = False
            self._poster.close()

    def _post_all(self) -> None:
        """Post what comes until the end. Raises Away, Refused."""
        while not self._stopping.is_set():
            plays = [self._waiting.get()]
            while plays[-1] is not None and len(plays) < MOST_AT_ONCE and not self._waiting.empty():
                plays.append(self._waiting.get())
            if now := [play for play in plays if play is not None]:
                self._post(now)
            if plays[-1] is None:
                return

    def _post(self, plays: list[Play]) -> None:
        scores = [{"player": play.player, "score": play.score} for play in plays]
        body: Body = scores[0] if len(scores) == 1 else {"scores": scores}
        posted = 0
        try:
            answer = self._poster.post(body)
            posted = sum("error" not in result for result in answer.get("results", [answer]))
        finally:
            self._on_sent(posted, len(plays) - posted)

    def _let_go(self) -> bool:
        """Drop what waits; false where the end was among it."""
        dropped, goes_on = 0, True
        while not self._waiting.empty():
            if self._waiting.get() is None:
                goes_on = False
            else:
                dropped += 1
        self._on_sent(0, dropped)
        return goes_on
