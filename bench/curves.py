"""How costs grow: with viewers, scores a second, size of the board, rows on screen, boards watched.

Owns: the points of each curve. Leaves to others: how a cost is measured (`posting.py`, `watching.py`).
"""

from collections.abc import Callable, Iterator, Sequence

from bench import scores
from bench.crowd import Crowd
from bench.http_load import HttpLoad
from bench.posting import CONNECTIONS, cost_us
from bench.report import Curve
from bench.stage import Stage
from bench.table import OURS
from bench.watching import ROWS, show

VIEWERS = (100, 300, 1000, 2000, 5000)
RATES = (100, 300, 1000, 3000, 10_000, 30_000, 50_000)
MOST_REQUESTS = 500
SIZES = (1_000, 10_000, 100_000, 1_000_000)
TOPS = (10, 30, 100, 300, 1000)
WATCHED = (1, 10, 100, 1000)
WATCHERS = 1000
POINT_S = 3.0
FILL = 1000

Points = dict[str, list[tuple[float, float]]]


def curves(stage: Stage) -> Iterator[Curve]:
    """All of them; a point that a server cannot reach is missing."""
    yield _viewers(stage)
    yield _tops(stage)
    yield _rates(stage)
    yield _sizes(stage)
    yield _boards(stage)


def _viewers(stage: Stage) -> Curve:
    def cost(name: str, viewers: int) -> float:
        return _frame_us(stage, name, viewers, ROWS)

    points = _points(stage, "viewers", ("socketio", "ws"), VIEWERS, cost)
    return Curve("Viewers of one board, 10 Hz, 1.6 kB", "viewers", "us CPU / frame", points)


def _tops(stage: Stage) -> Curve:
    def cost(name: str, rows: int) -> float:
        return _frame_us(stage, name, 300, rows)

    points = _points(stage, "rows on screen", ("socketio", "ws"), TOPS, cost)
    return Curve("Rows on screen, all of which change, 300 viewers, 10 Hz", "rows", "us CPU / frame", points)


def _rates(stage: Stage) -> Curve:
    def share(name: str, rate: int) -> float:
        each = max(1, rate // MOST_REQUESTS)
        with stage.server(name) as server:
            load = HttpLoad(stage.loop, server.port, CONNECTIONS, scores.batches(server.port, each))
            try:
                load.pace(rate / each, 0.5)
                cpu_s = server.meter.cpu_s()
                late_s = load.pace(rate / each, POINT_S)
                if late_s > POINT_S / 10:
                    raise TimeoutError(f"{late_s:.1f} s late after {POINT_S:g} s")
                return (server.meter.cpu_s() - cpu_s) * 100 / (POINT_S + late_s)
            finally:
                load.close()

    points = _points(stage, "scores a second", ("express", "node-http"), RATES, share, ends=True)
    title = f"Scores a second over HTTP, at most {MOST_REQUESTS} requests a second"
    return Curve(title, "scores / s", "% of one core", points)


def _sizes(stage: Stage) -> Curve:
    points: Points = {OURS: [], f"{OURS}, the store": []}
    with stage.server(OURS) as server:
        server.write(scores.items(0, 1))  # makes the board
        filled = 0
        for size in SIZES:
            for first in range(filled, size, FILL):
                stage.say(f"curve: board of {first:,} of {size:,} players")
                server.fill(first, min(FILL, size - first))
            filled = size
            load = HttpLoad(stage.loop, server.port, CONNECTIONS, scores.requests(server.port, among=size))
            try:
                load.run(0.5)
                store_s, done = server.store_meter.cpu_s(), load.done
                points[OURS].append((size, cost_us(server, load, POINT_S)))
                store_us = (server.store_meter.cpu_s() - store_s) * 1e6 / (load.done - done)
                points[f"{OURS}, the store"].append((size, store_us))
            finally:
                load.close()
    return Curve("Players on the board, single scores over HTTP", "players", "us CPU / score", points)


def _boards(stage: Stage) -> Curve:
    def cost(name: str, boards: int) -> float:
        names = [f"bench-{n}" for n in range(boards)]
        with stage.server(name) as server:
            for board in names:
                server.write(scores.rounds_of(10, 0), board)
            crowd = Crowd(stage.loop, server.port, server.kind.protocol)
            try:
                crowd.connect(WATCHERS, [f"board:{board}:all" for board in names])

                def write(n: int) -> None:
                    for board in names:
                        server.write(scores.rounds_of(10, n), board)

                def last() -> bool:
                    return all(crowd.picture(f"board:{b}:all").rows == server.top(10, b) for b in (names[0], names[-1]))

                turn = stage.write_while(write, 1.0, 1.0, 1)
                crowd.settle(last)
                cpu_s, frames = server.meter.cpu_s(), crowd.frames
                stage.write_while(write, 1.0, POINT_S, turn)
                crowd.settle(last)
                return (server.meter.cpu_s() - cpu_s) * 1e6 / (crowd.frames - frames)
            finally:
                crowd.close()

    points = _points(stage, "boards watched", ("socketio",), WATCHED, cost)
    title = f"Boards watched, {WATCHERS:,} viewers spread over them, each board changed once a second"
    return Curve(title, "boards", "us CPU / frame", points)


def _frame_us(stage: Stage, name: str, viewers: int, rows: int) -> float:
    with stage.server(name) as server:
        one = show(stage, server, viewers, rows)
        try:
            one.run(1.0)
            return one.cost_us(POINT_S)
        finally:
            one.crowd.close()


def _points(
    stage: Stage,
    what: str,
    peers: Sequence[str],
    xs: Sequence[int],
    cost: Callable[[str, int], float],
    *,
    ends: bool = False,
) -> Points:
    """`ends`: beyond a point that cannot be reached none is tried."""
    points: Points = {name: [] for name in stage.present(*peers)}
    over = set()
    for x in xs:
        for name, series in points.items():
            if name in over:
                continue
            stage.say(f"curve: {x:,} {what}, {name}")
            try:
                series.append((x, cost(name, x)))
            except TimeoutError:
                if ends:
                    over.add(name)
    return points
