"""What posting costs: rows `http`, `score`, `scores`, and `event`, which posts nothing."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

from bench import scores
from bench.crowd import Crowd
from bench.http_load import HttpLoad
from bench.servers import Server
from bench.socket_load import SocketLoad
from bench.stage import Stage
from bench.table import Figures

CONNECTIONS = 32
SOCKETS = 64
BATCHERS = 16
BATCH = 100
WARM_S = 1.5
"""Node compiles what is run often; before that it costs several times as much."""
ANSWER = {"player", "score", "rank", "previous_rank", "changed", "players", "position"}


def http(stage: Stage) -> Iterator[Figures]:
    """One score a request, 32 keep-alive connections, each with one request at a time."""

    def load(server: Server) -> HttpLoad:
        return HttpLoad(stage.loop, server.port, CONNECTIONS, scores.requests(server.port))

    yield _measured(stage, "http", load, "express", "node-http", "flask-socketio")


def score(stage: Stage) -> Iterator[Figures]:
    """One score an event, 64 connections, each with one event at a time."""

    def load(server: Server) -> SocketLoad:
        return SocketLoad(stage.loop, server.port, SOCKETS, scores.score_event)

    yield _measured(stage, "score", load, "socketio", "flask-socketio")


def batch(stage: Stage) -> Iterator[Figures]:
    """A hundred scores an event, 16 connections, each with one event at a time."""

    def load(server: Server) -> SocketLoad:
        return SocketLoad(stage.loop, server.port, BATCHERS, scores.batch_events(BATCH))

    yield _measured(stage, "scores", load, "socketio", "flask-socketio", each=BATCH)


def event(stage: Stage) -> Iterator[Figures]:
    """`subscribe` and `unsubscribe` in turn, to a board that somebody watches already: neither side asks Redis."""
    with ExitStack() as stack:

        def load(server: Server) -> SocketLoad:
            watcher = Crowd(stage.loop, server.port, limit=1)
            watcher.connect(1, [scores.TOPIC])
            stack.callback(watcher.close)
            return SocketLoad(stage.loop, server.port, SOCKETS, scores.watch_event)

        yield _measured(stage, "event", load, "socketio", "flask-socketio")


def cost_us(server: Server, load: HttpLoad | SocketLoad, seconds: float, each: int = 1) -> float:
    """Processor time of the server per score, microseconds, over so long."""
    cpu_s, done = server.meter.cpu_s(), load.done
    load.run(seconds)
    return (server.meter.cpu_s() - cpu_s) * 1e6 / ((load.done - done) * each)


def _measured(
    stage: Stage, row: str, load: Callable[[Server], HttpLoad | SocketLoad], *peers: str, each: int = 1
) -> Figures:
    with ExitStack() as stack:
        rounds: dict[str, Callable[[], float]] = {}
        loads = {}
        for name in stage.present(*peers):
            stage.say(f"{row}: starting {name}")
            server = stack.enter_context(stage.server(name))
            loads[name] = load(server)
            stack.callback(loads[name].close)
            loads[name].run(WARM_S)
            _check(name, row, json.loads(loads[name].last))
            rounds[name] = partial(cost_us, server, loads[name], stage.seconds, each)
        before = {name: load.done for name, load in loads.items()}
        values = stage.interleaved(row, rounds)
        in_s = stage.rounds * stage.seconds
        rates = [f"{name} {(load.done - before[name]) * each / in_s:,.0f}/s" for name, load in loads.items()]
        return Figures(row, values, ["throughput: " + ", ".join(rates)])


def _check(name: str, row: str, answer: Any) -> None:
    """Raises RuntimeError where a server tells less than the others."""
    if row == "event":
        return
    told = [answer] if row == "http" else answer  # an acknowledgement is a list
    results = told[0]["results"] if row == "scores" else told
    if len(results) != (BATCH if row == "scores" else 1) or any(set(result) != ANSWER for result in results):
        raise RuntimeError(f"{name} answers something else: {json.dumps(answer)[:300]}")
