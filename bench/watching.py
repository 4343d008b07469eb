"""What viewers cost: rows `frame`, `memory`, `connect`, `disconnect`, `idle` and `slow`."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from bench import scores
from bench.crowd import Crowd
from bench.servers import Server
from bench.stage import Stage
from bench.table import Figures

VIEWERS = 1000
ROWS = 30
"""Rows on screen: a full frame of them has 1.6 kB."""
WRITE_HZ = 20.0
"""Twice the ticks, so that each tick finds a change."""
IDLE_VIEWERS = 2000
PING_S = 25.0
"""What is idle is measured over one whole interval between pings, which all of these servers have."""
WARM_VIEWERS = 50
SLOW, OF = 20, 200
SLOW_ROWS = 1000
FILL = 80
"""So many full frames of them, 54 kB each, are more than the 4 MB that the kernel takes for one who never reads."""


@dataclass(slots=True)
class Show:
    """A server, its viewers, and who changes every row that they watch."""

    stage: Stage
    server: Server
    crowd: Crowd
    rows: int
    turn: int = 1

    def run(self, seconds: float, hz: float = WRITE_HZ) -> None:
        """Change the board so often; returns when every viewer has the last frame. Raises TimeoutError."""
        self.write(seconds, hz)
        self.settle()

    def write(self, seconds: float, hz: float) -> None:
        """Change the board so often."""
        one = self.server
        self.turn = self.stage.write_while(lambda n: one.write(scores.rounds_of(self.rows, n)), hz, seconds, self.turn)

    def write_until(self, frames: int) -> int:
        """Change the board ten times a second until every viewer was sent so many frames since it came; the most memory
        that the server had meanwhile, kB.
        """
        peak_kb = 0
        while self.crowd.frames < frames * len(self.crowd.viewers):
            self.write(0.5, WRITE_HZ / 2)
            peak_kb = max(peak_kb, self.server.meter.rss_kb())
        return peak_kb

    def settle(self) -> None:
        """Wait until every viewer has what the store has. Raises TimeoutError."""
        self.crowd.settle(lambda: self.crowd.picture(scores.TOPIC).rows == self.server.top(self.crowd.limit))

    def cost_us(self, seconds: float) -> float:
        """Processor time of the server per frame delivered, microseconds."""
        cpu_s, frames = self.server.meter.cpu_s(), self.crowd.frames
        self.run(seconds)
        return (self.server.meter.cpu_s() - cpu_s) * 1e6 / (self.crowd.frames - frames)

    def trouble(self) -> str:
        """What viewers missed, in words."""
        crowd = self.crowd
        found = {"skipped": crowd.skipped, "gaps": crowd.gaps, "repeated": crowd.repeated, "lost": crowd.lost}
        found["contradicted"] = crowd.picture(scores.TOPIC).contradicted
        return ", ".join(f"{count} {name}" for name, count in found.items() if count)


def show(stage: Stage, server: Server, viewers: int, rows: int) -> Show:
    """So many viewers of the first rows of a board that has just these."""
    server.write(scores.rounds_of(rows, 0))
    crowd = Crowd(stage.loop, server.port, server.kind.protocol, limit=rows)
    if viewers:
        crowd.connect(viewers, [scores.TOPIC])
    return Show(stage, server, crowd, rows)


def frame(stage: Stage) -> Iterator[Figures]:
    """Scores come into the store from elsewhere; the server reads the board and sends it to 1,000 viewers."""
    with ExitStack() as stack:
        shows = {}
        for name in stage.present("socketio", "ws", "flask-socketio"):
            stage.say(f"frame: connecting {VIEWERS} viewers to {name}")
            shows[name] = show(stage, stack.enter_context(stage.server(name)), VIEWERS, ROWS)
            stack.callback(shows[name].crowd.close)
            shows[name].run(2.0)
        rounds: dict[str, Callable[[], float]] = {
            name: lambda one=one: one.cost_us(stage.seconds)  # type: ignore[misc]
            for name, one in shows.items()
        }
        values = stage.interleaved("frame", rounds)
        sizes = ", ".join(f"{name} {one.crowd.frame_bytes} bytes" for name, one in shows.items())
        notes = [f"{name}: {trouble}" for name, one in shows.items() if (trouble := one.trouble())]
        yield Figures("frame", values, [sizes, *notes])


def crowd(stage: Stage) -> Iterator[Figures]:
    """2,000 viewers come to a fresh server, stay for one interval of pings without a score, and leave. That has warmed it up;
    then they come and leave again in rounds.
    """
    memory: dict[str, list[float]] = {}
    connect: dict[str, list[float]] = {}
    disconnect: dict[str, list[float]] = {}
    with ExitStack() as stack:
        shows = {}
        for name in stage.present("socketio", "ws", "flask-socketio"):
            stage.say(f"crowd: connecting {IDLE_VIEWERS} viewers to {name}")
            one = shows[name] = show(stage, stack.enter_context(stage.server(name)), WARM_VIEWERS, 10)
            stack.callback(one.crowd.close)
            one.run(0.5)
            kb = one.server.meter.rss_kb()
            one.crowd.connect(IDLE_VIEWERS, [scores.TOPIC])
            memory[name] = [(one.server.meter.rss_kb() - kb) / IDLE_VIEWERS]
        yield Figures("memory", memory)

        stage.say(f"crowd: {PING_S:g} s without a score, all servers at once")
        stage.loop.run(2.0)
        before = {name: (one.server.meter.cpu_s(), one.crowd.pings) for name, one in shows.items()}
        stage.loop.run(PING_S)
        share = {name: [(one.server.meter.cpu_s() - before[name][0]) * 100 / PING_S] for name, one in shows.items()}
        pings = ", ".join(f"{name} {one.crowd.pings - before[name][1]}" for name, one in shows.items())
        yield Figures("idle", share, [f"pings: {pings}"])

        for one in shows.values():
            _disconnect_us(stage, one)
        for n in range(1, stage.rounds + 1):
            for name, one in shows.items():
                stage.say(f"crowd: coming and leaving, round {n} of {stage.rounds}, {name}")
                connect.setdefault(name, []).append(_connect_us(one))
                disconnect.setdefault(name, []).append(_disconnect_us(stage, one))
        yield Figures("connect", connect)
        yield Figures("disconnect", disconnect)


def slow(stage: Stage) -> Iterator[Figures]:
    """20 of 200 viewers read nothing while frames of 54 kB come ten times a second; what the server's memory grows by, once
    the kernel's buffers are full. Each of the 20 watches another number of rows, so that what waits for one is not shared.
    """
    frames = FILL + (40 if stage.quick else 240)
    growth, notes = {}, []
    for name in stage.present("socketio", "flask-socketio"):
        with ExitStack() as stack:
            stage.say(f"slow: {frames} frames to {OF} viewers of whom {SLOW} do not read, {name}")
            one = show(stage, stack.enter_context(stage.server(name)), OF - SLOW, SLOW_ROWS)
            stack.callback(one.crowd.close)
            for n in range(SLOW):
                sleepy = Crowd(stage.loop, one.server.port, limit=SLOW_ROWS - n)
                sleepy.connect(1, [scores.TOPIC], small_buffer=True)
                stack.callback(sleepy.close)
                sleepy.stop_reading()
            one.write_until(FILL)
            kb = one.server.meter.rss_kb()
            growth[name] = [(one.write_until(frames) - kb) / 1000]
            one.settle()
            size, trouble = one.crowd.frame_bytes, one.trouble() or "every frame"
            notes.append(f"{name}: {frames - FILL} frames of {size:,} bytes; who reads has {trouble}")
    yield Figures("slow", growth, notes)


def _connect_us(one: Show) -> float:
    cpu_s = one.server.meter.cpu_s()
    one.crowd.connect(IDLE_VIEWERS, [scores.TOPIC])
    return (one.server.meter.cpu_s() - cpu_s) * 1e6 / IDLE_VIEWERS


def _disconnect_us(stage: Stage, one: Show) -> float:
    cpu_s, viewers = one.server.meter.cpu_s(), len(one.crowd.viewers)
    one.crowd.close()
    one.server.meter.until_quiet(stage.loop.run)
    return (one.server.meter.cpu_s() - cpu_s) * 1e6 / viewers
