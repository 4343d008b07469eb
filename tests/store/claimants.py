"""A process of 25 clients that want more than they may have, for the contests of `test_rate_limit.py`.

All clients ask at once, again and again, together `rate` times a second, and write down each decision with the time that
Redis gave it. Run as a program: url, algorithm, count, window in s, seconds, rate. It prints `ready`, waits for a line on
its standard input, and prints the decisions as JSON.
"""

import json
import sys
import threading
import time
from collections.abc import Callable

from dashboard.store import keys
from dashboard.store.client import Client, connect
from dashboard.store.rate_limit import Claim, Quota, RateLimiter
from dashboard.store.scripts import Scripts

CLIENTS = 25
Ask = Callable[[], tuple[int, bool]]


def ours(client: Client, quota: Quota, subject: str) -> Ask:
    limiter = RateLimiter(Scripts(client))

    def ask() -> tuple[int, bool]:
        [decision] = limiter.take([Claim(quota, subject)])
        return decision.at_us, decision.allowed

    return ask


def naive(client: Client, quota: Quota, subject: str) -> Ask:
    """The well-known sliding window in separate calls: clear, count, and add if there is room."""
    key = keys.limit(subject, quota.name, "naive")

    def ask() -> tuple[int, bool]:
        seconds, rest = client.time()
        at = seconds * 1_000_000 + rest
        client.zremrangebyscore(key, 0, at - quota.window_s * 1_000_000)
        if client.zcard(key) >= quota.count:
            return at, False
        client.zadd(key, {f"{at}-{threading.get_ident()}": at})
        client.expire(key, quota.window_s)
        return at, True

    return ask


def main(url: str, algorithm: str, count: int, window_s: int, seconds: float, rate: float) -> None:
    """Ask, and print what was answered."""
    client = connect(url, connections=CLIENTS)
    quota = Quota(f"contest-{count}", count, window_s, "sliding" if algorithm == "naive" else algorithm)  # type: ignore[arg-type]
    ask = (naive if algorithm == "naive" else ours)(client, quota, algorithm)
    found: list[list[tuple[int, bool]]] = [[] for _ in range(CLIENTS)]
    pace_s = CLIENTS / rate
    print("ready", flush=True)
    sys.stdin.readline()
    begin = time.monotonic()

    def run(index: int) -> None:
        next_s = begin
        while next_s < begin + seconds:
            time.sleep(max(0.0, next_s - time.monotonic()))
            found[index].append(ask())
            next_s += pace_s

    threads = [threading.Thread(target=run, args=(index,)) for index in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps([decision for each in found for decision in each]))


if __name__ == "__main__":
    url, algorithm, count, window_s, seconds, rate = sys.argv[1:]
    main(url, algorithm, int(count), int(window_s), float(seconds), float(rate))
