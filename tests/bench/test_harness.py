"""The benchmark measures: a tiny round of one row, what its viewers check, its arithmetic, and the pins of its peers."""

import json
import re
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import Any

import pytest

from bench import posting, scores
from bench.crowd import Crowd
from bench.frames import MASK, frame, split
from bench.http_load import HttpLoad
from bench.loop import Loop
from bench.meter import Meter
from bench.product import percentile_ms
from bench.report import table
from bench.stage import Stage
from bench.table import OURS, Figures, judge
from tests.conftest import Api, ServerProcess

PEERS = Path(__file__).parents[2] / "bench" / "peers"


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


def test_a_tiny_round_of_one_row(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "WARM_S", 0.1)
    stage = Stage(loop, rounds=2, seconds=0.2, quick=True, peers=frozenset(), say=lambda _: None)
    (figures,) = posting.http(stage)
    assert figures.row == "http"
    assert len(figures.values[OURS]) == 2
    assert all(1 < us < 1e5 for us in figures.values[OURS]), "microseconds of the server for a score"


def test_a_crowd_sees_what_the_server_has(loop: Loop, servers: Callable[[str], ServerProcess], board: str) -> None:
    server = servers("eventlet")
    port, topic = int(server.url.rpartition(":")[2]), f"board:{board}:all"
    crowd = Crowd(loop, port)
    load = HttpLoad(loop, port, 2, lambda n: scores.request(port, b'{"player":"p%d","score":%d}' % (n % 30, n), board))
    api = Api(server.url)

    def is_shown() -> bool:
        rows = api.get(f"/boards/{board}/top", limit=10)["rows"]
        return crowd.picture(topic).rows == [(row["rank"], row["player"], row["score"]) for row in rows]

    meter = Meter(server.process.pid)
    cpu_s = meter.cpu_s()
    try:
        crowd.connect(20, [topic])
        load.pace(40.0, 0.5)
        crowd.settle(is_shown)
        assert crowd.picture(topic).seq > 0
        assert (crowd.skipped, crowd.gaps, crowd.repeated, crowd.lost) == (0, 0, 0, 0)
        assert crowd.frames == 20 * crowd.picture(topic).seq, "each frame at each viewer"
        assert meter.cpu_s() > cpu_s
        assert meter.rss_kb() > 1000

        deaf = crowd.viewers[0]  # control: one viewer has missed a frame, and that is seen
        deaf.seq -= 1
        assert crowd.behind() == [deaf]
        load.pace(40.0, 0.2)
        crowd.settle(is_shown)
        assert crowd.gaps + crowd.skipped >= 1
    finally:
        api.session.close()
        load.close()
        crowd.close()


def test_ratios_are_made_within_a_round() -> None:
    figures = Figures("http", {OURS: [10.0, 40.0, 10.0], "express": [100.0, 100.0, 20.0]})
    (verdict,) = judge([figures])  # none for the peer that was not there
    assert verdict.values == [0.1, 0.4, 0.5]
    assert (verdict.low, verdict.median, verdict.high, verdict.passed) == (0.1, 0.4, 0.5, False)
    assert "| 0.1 | 0.4 | 0.5 | **miss** |" in table([figures])
    assert [verdict.passed for verdict in judge([Figures("http", {OURS: [inf]})])] == [False, False], "it broke off"


def test_each_marker_counts_at_each_viewer_when_it_is_first_seen() -> None:
    dues = [1_000_000, 1_010_000, 1_020_000]
    samples = [
        (0, 1_000_000, 1.005),
        (1_000_000, 1_020_000, 1.030),
        (0, 1_020_000, 1.050),
    ]  # the last one: another viewer
    took = sorted([5.0, 20.0, 10.0, 50.0, 40.0, 30.0])
    assert percentile_ms(dues, samples, 1.0) == pytest.approx(took[-1])
    assert percentile_ms(dues, samples, 0.5) == pytest.approx(took[2])


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_frames_are_masked_and_split(size: int) -> None:
    payload = bytes(i % 251 for i in range(size))
    masked = frame(payload)
    body = masked[len(masked) - size :]
    assert bytes(byte ^ MASK[i % 4] for i, byte in enumerate(body)) == payload
    head = masked[: len(masked) - size - 4]
    sent = bytes((head[0], head[1] & 0x7F)) + head[2:] + payload  # as a server writes it
    assert split(sent + sent[:1]) == ([(1, payload)], sent[:1])
    assert split(sent[:-1]) == ([], sent[:-1])


def test_what_the_peers_run_on_is_pinned() -> None:
    pins: dict[str, str] = json.loads((PEERS / "package.json").read_text())["dependencies"]
    lock: dict[str, Any] = json.loads((PEERS / "package-lock.json").read_text())["packages"]
    assert set(pins) == {"express", "ioredis", "socket.io", "ws"}
    assert [pin for pin in pins.values() if not re.fullmatch(r"\d+\.\d+\.\d+", pin)] == []
    assert pins == {name: lock[f"node_modules/{name}"]["version"] for name in pins}
    assert [name for name, entry in lock.items() if name and "integrity" not in entry] == []
