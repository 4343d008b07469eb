"""Post scores of 1 to a board from several threads until told to stop: `season_poster.py URL BOARD PLAYER THREADS [BATCH]`.

Each thread is a player of its own, and posts BATCH scores (1) at once. At the end the acknowledged scores of each, as JSON.
"""

import json
import sys
import threading
import time

from dashboard.core.boards import Boards
from dashboard.core.clock import Clock
from dashboard.core.scores import Scores
from dashboard.store.client import connect
from dashboard.store.scripts import Scripts
from dashboard.values import Result, Score

if __name__ == "__main__":
    url, board, player, threads, *more = sys.argv[1:]
    batch = int(more[0]) if more else 1
    client = connect(url)
    scripts = Scripts(client)
    clock = Clock(lambda: time.time_ns() // 1_000_000)
    scores = Scores(scripts, Boards(client, scripts, clock), clock)
    over = threading.Event()
    counts: dict[str, int] = {}

    def post(name: str) -> None:
        while not over.is_set():
            results = scores.submit(board, [Score(name, 1)] * batch)
            assert all(isinstance(result, Result) for result in results), results
            counts[name] = counts.get(name, 0) + batch

    posting = [threading.Thread(target=post, args=(f"{player}{n}",)) for n in range(int(threads))]
    for thread in posting:
        thread.start()
    print("posting", flush=True)
    sys.stdin.readline()
    over.set()
    for thread in posting:
        thread.join()
    print(json.dumps(counts), flush=True)
