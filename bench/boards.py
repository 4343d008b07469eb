"""What a large board costs: microseconds of the store's own time per call, and bytes of its memory per player.

    .venv/bin/python bench/boards.py [--players 1000000] [--calls 5000] [--kind first] [--shards 4] [--direct]

Each kind of board is filled through the product (batches of 1,000 scores), then asked through it. Times are the store's
(`INFO latencystats`, percentiles of EVALSHA), so neither the network nor Python is in them; with shards a call takes several
scripts, and the time is that of one of them. Memory is the growth of `used_memory` while the board was filled. The store is the
embedded one, in a folder of its own, without its file synced. `--direct` is for boards that take long to fill: after the first
batch their sorted sets are written as the scripts leave them, in pipelines; only for ties plain and shared without columns.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dashboard.config import Settings
from dashboard.core.shards import shard_of
from dashboard.parts import Parts, open_parts
from dashboard.progress import LivingLine
from dashboard.store import keys
from dashboard.values import BoardSettings, Column, Mark, Score

KINDS = {
    "plain": BoardSettings(),
    "shared": BoardSettings(ties="shared"),
    "dense": BoardSettings(ties="dense"),
    "first": BoardSettings(ties="first"),
    "first, 2 columns": BoardSettings(ties="first", columns=(Column("x"), Column("y", "asc"))),
}
RANGE = 10_000_000
BATCH = 1000
PIPELINE = 100_000
"""So many players are written directly in one trip."""
DIRECT = ("plain", "shared")


class Board:
    """One board, its players and what is asked of it."""

    def __init__(self, parts: Parts, kind: str, players: int, shards: int | None, line: LivingLine) -> None:
        self._parts = parts
        self._kind = kind
        self._players = players
        self._settings = replace(KINDS[kind], shards=shards)
        self._line = line
        self._random = random.Random(7)
        self.name = f"bench-{kind.replace(', ', '-').replace(' ', '-')}"
        self._columns = {column.name: 0 for column in KINDS[kind].columns}

    def fill(self, *, direct: bool) -> float:
        """Bytes of memory per player."""
        client = self._parts.client
        self._parts.boards.put(self.name, self._settings)
        before = client.info("memory")["used_memory"]
        self._load(min(BATCH, self._players) if direct else self._players)
        if direct:
            self._write(BATCH)
        return float(client.info("memory")["used_memory"] - before) / self._players

    def _load(self, players: int) -> None:
        place = ""
        for start in range(0, players, BATCH):
            scores = [self._score(n) for n in range(start, min(start + BATCH, players))]
            self._parts.scores.load(self.name, scores, Mark("fill", place, f'{{"end": {start}}}'))
            place = f'{{"end": {start}}}'
            self._line.say(f"{self._kind}: {start + len(scores):,} of {self._players:,} players")

    def _write(self, done: int) -> None:
        homes = [keys.ranking(home, "all") for home in self._parts.boards.homes(self.name)]
        while done < self._players:
            upto = min(done + PIPELINE, self._players)
            with self._parts.client.pipeline(transaction=False) as pipe:
                for start in range(done, upto, BATCH):
                    parts: list[dict[str, int]] = [{} for _ in homes]
                    for n in range(start, min(start + BATCH, upto)):
                        name = f"player-{n}"
                        parts[shard_of(name, len(homes))][name] = self._random.randrange(RANGE)
                    for key, part in zip(homes, parts, strict=True):
                        if part:
                            pipe.zadd(key, part)
                pipe.execute()
            done = upto
            self._line.say(f"{self._kind}: {done:,} of {self._players:,} players")

    def calls(self) -> dict[str, Callable[[], object]]:
        """What is asked, by name."""
        rankings, scores = self._parts.rankings, self._parts.scores
        return {
            "submit": lambda: scores.submit(self.name, [self._score(self._any())]),
            "rank, percentile": lambda: rankings.player(self.name, f"player-{self._any()}"),
            "top 100": lambda: rankings.top(self.name, limit=100),
            "around 5": lambda: rankings.around(self.name, f"player-{self._any()}", radius=5),
            "standings of 50": lambda: rankings.standings(self.name, [f"player-{self._any()}" for _ in range(50)]),
        }

    def measure(self, call: Callable[[], object], calls: int) -> tuple[float, float]:
        """Median and 99th percentile of the store's time, microseconds."""
        call()
        self._parts.client.config_resetstat()
        for n in range(calls):
            call()
            if n % 500 == 0:
                self._line.say(f"{self._kind}: call {n:,} of {calls:,}")
        found = self._parts.client.info("latencystats")["latency_percentiles_usec_evalsha"]
        return float(found["p50"]), float(found["p99"])

    def _any(self) -> int:
        return self._random.randrange(self._players)

    def _score(self, n: int) -> Score:
        return Score(f"player-{n}", self._random.randrange(RANGE), None, self._columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--players", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=5_000)
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this one; may be repeated")
    parser.add_argument("--shards", type=int, help="spread each board over so many")
    parser.add_argument("--direct", action="store_true", help="write the sorted sets without the product's scripts")
    given = parser.parse_args()
    kinds = given.kind or KINDS
    if given.direct and not set(kinds) <= set(DIRECT):
        parser.error(f"--direct fills boards of the kinds {' and '.join(DIRECT)} only: say --kind")
    line = LivingLine(sys.stderr)
    began = time.monotonic()
    print(f"{given.players:,} players; microseconds of the store's time, median / 99th percentile of {given.calls:,}")
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(_env_file=None, data_dir=Path(folder), durability="everysec")  # type: ignore[call-arg]
            with open_parts(settings) as parts:
                board = Board(parts, kind, given.players, given.shards, line)
                bytes_each = board.fill(direct=given.direct)
                figures = {name: board.measure(call, given.calls) for name, call in board.calls().items()}
        line.end()
        cells = "; ".join(f"{name} {median:.0f} / {late:.0f}" for name, (median, late) in figures.items())
        print(f"{kind}: {bytes_each:.0f} bytes a player; {cells}", flush=True)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
