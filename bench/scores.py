"""Made-up scores: what the load posts.

Owns: players, scores, and the bytes of requests and events. Scores rise slowly under a wide scatter, so that most change the
board and players pass each other all the time. Cheap: a microsecond each.
"""

import random
from collections.abc import Callable

from bench.frames import frame

PLAYERS = 100_000
DRAWN = 1 << 14
SCATTER = 100_000
BOARD = "bench"
TOPIC = f"board:{BOARD}:all"

Item = dict[str, object]
MakeRequest = Callable[[int], bytes]
"""The bytes of the load's n-th request."""
MakeEvent = Callable[[int, int], bytes]
"""The bytes of an event: its number on its connection, from 0, and that it is the load's n-th."""

_draw = random.Random(7)
_players = [_draw.randrange(PLAYERS) for _ in range(DRAWN)]
_scatter = [_draw.randrange(SCATTER) for _ in range(DRAWN)]


def player(n: int, among: int = PLAYERS) -> str:
    """Who plays the n-th time: one of so many."""
    return f"player-{_players[n % DRAWN] % among:06d}"


def score(n: int) -> int:
    """The n-th score: seven digits."""
    return 1_000_000 + (n + _scatter[n * 7 % DRAWN]) % 8_000_000


def items(first: int, count: int) -> list[Item]:
    """So many scores, from the first-th on."""
    return [{"player": player(n), "score": score(n)} for n in range(first, first + count)]


def rounds_of(players: int, turn: int) -> list[Item]:
    """One score for each of so many players, all higher than in the turn before, in another order."""
    return [{"player": f"player-{i:06d}", "score": turn * 1000 + (i * 7919 + turn * 31) % 1000} for i in range(players)]


def request(port: int, body: bytes, board: str = BOARD) -> bytes:
    """One POST with the headers that a game's HTTP library sends."""
    lines = [
        f"POST /api/v1/boards/{board}/scores HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "User-Agent: bench",
        "Accept: */*",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def requests(port: int, among: int = PLAYERS) -> MakeRequest:
    """Requests with one score each, by one of so many players."""
    body = b'{"player":"player-%06d","score":%07d}'
    whole = request(port, body % (0, 0)).replace(body % (0, 0), b"") + body

    def make(n: int) -> bytes:
        return whole % (_players[n % DRAWN] % among, score(n))

    return make


def batches(port: int, size: int) -> MakeRequest:
    """Requests with so many scores each; with one, not as a list."""
    return requests(port) if size == 1 else lambda n: request(port, b'{"scores":[%b]}' % _listed(n * size, size))


def score_event(number: int, n: int) -> bytes:
    """A socket event with one score."""
    item = (number, BOARD.encode(), _players[n % DRAWN], score(n))
    return frame(b'42%d["score",{"board":"%b","player":"player-%06d","score":%d}]' % item)


def batch_events(size: int) -> MakeEvent:
    """Socket events with so many scores each."""
    text = b'42%d["scores",{"board":"%b","scores":[%b]}]'
    return lambda number, n: frame(text % (number, BOARD.encode(), _listed(n * size, size)))


def watch_event(number: int, n: int) -> bytes:
    """A socket event that begins to watch a board (even number) or ends it."""
    if number % 2:
        return frame(b'42%d["unsubscribe",{"topic":"%b"}]' % (number, TOPIC.encode()))
    return frame(b'42%d["subscribe",{"topic":"%b","limit":1}]' % (number, TOPIC.encode()))


def _listed(first: int, count: int) -> bytes:
    item = b'{"player":"player-%06d","score":%07d}'
    return b",".join([item % (_players[n % DRAWN], score(n)) for n in range(first, first + count)])
