"""Half an hour of an ordinary evening: many viewers, many scores, and nothing that grows, fails or drifts apart.

SOAK_MINUTES sets how long (30).
"""

import faulthandler
import os
import statistics
from collections.abc import Iterator

import pytest

from bench import scores
from bench.cores import raise_descriptors
from bench.crowd import Crowd
from bench.http_load import HttpLoad
from bench.loop import Loop
from bench.meter import Meter
from tests.conftest import Api, Start

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
VIEWERS = 500
RATE = 1000.0
PLAYERS = 10_000
LOOK_S = 10.0
GROWTH_KB = 4_000
"""A page cache of the allocator more or less; one kB lost per thousand scores would be 1,800 in half an hour."""


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


@pytest.mark.soak
def test_an_evening_of_viewers_and_scores(start_server: Start, loop: Loop) -> None:
    faulthandler.dump_traceback_later(MINUTES * 60 + 120, exit=True)  # instead of pyproject's faulthandler_timeout
    raise_descriptors()
    server = start_server()
    port, api = int(server.url.rpartition(":")[2]), Api(server.url)
    meter, memory_kb, late_s = Meter(server.process.pid), [], []
    crowd = Crowd(loop, port)
    load = HttpLoad(loop, port, 32, scores.requests(port, among=PLAYERS))

    def is_shown() -> bool:
        rows = api.get(f"/boards/{scores.BOARD}/top", limit=crowd.limit)["rows"]
        return crowd.picture(scores.TOPIC).rows == [(row["rank"], row["player"], row["score"]) for row in rows]

    try:
        load.run(1.0)  # the board is there
        crowd.connect(VIEWERS, [scores.TOPIC])
        for _ in range(int(MINUTES * 60 / LOOK_S)):
            late_s.append(load.pace(RATE, LOOK_S))
            memory_kb.append(meter.rss_kb())
        crowd.settle(is_shown)
    finally:
        api.session.close()
        load.close()
        crowd.close()
    quarter = len(memory_kb) // 4
    early, late = statistics.median(memory_kb[quarter : 2 * quarter]), statistics.median(memory_kb[-quarter:])
    print(
        f"\n{MINUTES:g} minutes: {load.done:,} scores, at most {max(late_s):.2f} s late; {crowd.frames:,} frames, "
        f"{crowd.skipped} conflated; {memory_kb[0]:,} kB at first, {early:,.0f} early, {late:,.0f} late"
    )
    assert (crowd.gaps, crowd.repeated, crowd.lost, crowd.picture(scores.TOPIC).contradicted) == (0, 0, 0, 0)
    assert late - early < GROWTH_KB
    assert max(late_s[1:]) < LOOK_S / 10, "the server keeps up"
    assert server.stop() == 0
    assert server.errors == []
