"""The show: simulated players on a real server, until somebody ends it.

Owns: the board, the clients, the pace, the line that says how it goes. Leaves to others: who scores what (`world.py`),
posting (`clients.py`), what goes on beside the game (`bystanders.py`).
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote
from zlib import crc32

import requests

from dashboard.demo.bystanders import gather
from dashboard.demo.clients import Client
from dashboard.demo.posters import ANSWER_S, HttpPoster, Poster, SocketPoster
from dashboard.demo.world import World
from dashboard.errors import StartFailed

HTTP_CLIENTS, SOCKET_CLIENTS = 2, 3
LATE_S = 1.0
"""A pace that lies further behind (the machine slept, the server was away) is not caught up with."""
GOODBYE_S = 0.5
"""So long a client may take for the call that is under way when the show is stopped."""
BOARD = {"rule": "sum", "periods": ["all", "day", "week", "month"], "title": "Global arena"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to play: `scores` and `duration_s` end it, None never."""

    url: str
    board: str = "global-arena"
    seed: int = 7
    rate_per_s: float = 40.0
    players: int = 400
    key: str | None = None
    scores: int | None = None
    duration_s: float | None = None
    only_scores: bool = False


class Show:
    """Plays a plan. `say(line)` is called once a second with how it goes; `is_over()` is asked as often."""

    def __init__(self, plan: Plan, say: Callable[[str], None], is_over: Callable[[], bool] = lambda: False) -> None:
        self._plan = plan
        self._say = say
        self._is_over = is_over
        self._ended = threading.Event()
        self._counting = threading.Lock()
        self._refusal: str | None = None
        self._recent: deque[tuple[float, int]] = deque(maxlen=10)
        self._next_line_s = 0.0
        self.posted = 0
        self.lost = 0

    def stop(self) -> None:
        """End soon. Safe in a signal handler."""
        self._ended.set()

    def run(self) -> None:
        """Play until `stop`, `is_over`, or the plan's end. Raises StartFailed with a sentence that says what is wrong."""
        plan = self._plan
        world = World(plan.seed, plan.players, plan.rate_per_s, self._standings())
        here = (plan.url, plan.board, plan.key)
        posters: list[Poster] = [
            *(HttpPoster(*here) for _ in range(HTTP_CLIENTS)),
            *(SocketPoster(*here) for _ in range(SOCKET_CLIENTS)),
        ]
        clients = [Client(poster, self._count, self._refuse) for poster in posters]
        bystanders = [] if plan.only_scores else gather(plan.url, plan.key, plan.seed)
        for client in clients:
            client.start()
        for bystander in bystanders:
            bystander.start()
        self._play(world, clients)
        for bystander in bystanders:
            bystander.stop()
        for client in clients:
            client.stop() if self._ended.is_set() else client.finish()
        until_s = time.monotonic() + (GOODBYE_S if self._ended.is_set() else 2 * ANSWER_S)
        for client in clients:
            client.join(max(0.0, until_s - time.monotonic()))
        until_s = min(until_s, time.monotonic() + GOODBYE_S)
        for bystander in bystanders:
            bystander.join(max(0.0, until_s - time.monotonic()))
        self._say(self._counts())
        if self._refusal is not None:
            raise StartFailed(f"the demo cannot post to the board {plan.board!r}: {self._refusal}")

    def _play(self, world: World, clients: Sequence[Client]) -> None:
        """Hand out the plays at their times. The pace has no drift: each is due from the beginning, not from the last."""
        begin_s = since_s = time.monotonic()
        self._next_line_s = begin_s + 1.0
        for number, play in enumerate(world.plays()):
            if number == self._plan.scores:
                return
            while True:
                now_s = time.monotonic()
                if self._plan.duration_s is not None and now_s - since_s >= self._plan.duration_s:
                    return
                self._look(world, clients, now_s)
                if self._ended.is_set():
                    return
                if not any(client.is_online for client in clients):
                    begin_s = max(begin_s, now_s - play.due_s)  # never earlier: nothing is played before it is due
                    self._ended.wait(0.05)
                    continue
                if now_s - begin_s - play.due_s > LATE_S:
                    begin_s = now_s - play.due_s
                if (early_s := begin_s + play.due_s - now_s) <= 0:
                    break
                self._ended.wait(min(early_s, 0.5))
            clients[crc32(play.player.encode()) % len(clients)].play(play)  # a player's scores keep their order

    def _look(self, world: World, clients: Sequence[Client], now_s: float) -> None:
        """Once a second: is it over, and how does it go."""
        if now_s < self._next_line_s:
            return
        self._next_line_s = now_s + 1.0
        if self._is_over():
            self.stop()
        self._recent.append((now_s, self.posted))
        online = sum(client.is_online for client in clients)
        (then_s, then), (now_s, now) = self._recent[0], self._recent[-1]
        rate = (now - then) / (now_s - then_s) if now_s > then_s else 0.0
        away = "" if online else "; the server is away, trying again"
        self._say(f"{self._counts()}, {rate:.1f}/s, {len(world.roster):,} players, {online} clients{away}")

    def _counts(self) -> str:
        return f"demo: {self.posted:,} scores" + (f", {self.lost:,} lost" if self.lost else "")

    def _count(self, posted: int, lost: int) -> None:
        with self._counting:
            self.posted += posted
            self.lost += lost

    def _refuse(self, reason: str) -> None:
        self._refusal = reason
        self.stop()

    def _standings(self) -> dict[str, int]:
        """Find the server and the board, made if it is absent; what the board's first players have."""
        url, board = self._plan.url, self._plan.board
        where = f"{url}/api/v1/boards/{quote(board, safe='')}"
        try:
            with requests.Session() as session:
                session.headers["X-API-Key"] = self._plan.key or ""
                answer = session.get(where, timeout=ANSWER_S)
                if answer.status_code == 404 and answer.json().get("code") == "board-not-found":
                    answer = session.put(where, json=BOARD, timeout=ANSWER_S)
                settings = answer.json()
                if not answer.ok:
                    raise StartFailed(f"the demo cannot have the board {board!r}: {settings['detail']}")
                if settings["rule"] != "sum":
                    raise StartFailed(
                        f"the demo adds up, but the board {board!r} has the rule {settings['rule']!r}: --board"
                    )
                top = session.get(f"{where}/top", params={"limit": 1000}, timeout=ANSWER_S).json()
                return {row["player"]: row["score"] for row in top["rows"]}
        except requests.JSONDecodeError as error:
            raise StartFailed(f"what answers at {url} is no Scorecast server") from error
        except (requests.ConnectionError, requests.Timeout) as error:
            raise StartFailed(
                f"no server answers at {url}: start one with `python run.py`, or name it with --url"
            ) from error
        except (requests.RequestException, ValueError) as error:
            raise StartFailed(f"{url} is no address of a server: write http://host:port") from error
        except (KeyError, TypeError) as error:
            raise StartFailed(f"what answers at {url} is no Scorecast server") from error
