"""The table: what is measured, in which unit, and what it is held to.

Owns: rows, their targets, the verdict on what was measured. Pure.
"""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isfinite

OURS = "scorecast"


@dataclass(frozen=True, slots=True)
class Target:
    """At most, or at least, so much: of a peer's figure where `peer` is given, else of the row's unit."""

    most: float | None = None
    least: float | None = None
    peer: str = ""

    @property
    def words(self) -> str:
        bound = f"≤ {self.most:g}" if self.most is not None else f"≥ {self.least:g}"
        return f"{bound} x {self.peer}" if self.peer else bound

    def met_by(self, value: float) -> bool:
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `unit` is that of a figure."""

    title: str
    unit: str
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured for a row: per server one figure a round, and what else there is to say."""

    row: str
    values: dict[str, list[float]]
    notes: list[str] = field(default_factory=list)


ROWS = {
    "http": Row(
        "HTTP score, single, keep-alive",
        "us CPU / score",
        (Target(most=0.20, peer="express"), Target(most=0.80, peer="node-http")),
    ),
    "score": Row(
        "Socket.IO score with ack, single",
        "us CPU / score",
        (Target(most=0.60, peer="socketio"),),
    ),
    "scores": Row("Socket.IO scores, 100 per event", "us CPU / score", (Target(most=1.0, peer="socketio"),)),
    "event": Row("socket event + ack, no Redis", "us CPU / event", (Target(most=0.50, peer="socketio"),)),
    "frame": Row(
        "frame delivered, 1,000 viewers, 10 Hz, 1.6 kB",
        "us CPU / frame",
        (Target(most=0.55, peer="socketio"), Target(most=0.90, peer="ws")),
    ),
    "memory": Row("memory per connected viewer (RSS)", "kB", (Target(most=4.0),)),
    "connect": Row("connect and subscribe", "us CPU / viewer", (Target(most=1.0, peer="socketio"),)),
    "disconnect": Row("disconnect", "us CPU / viewer", (Target(most=1.0, peer="socketio"),)),
    "idle": Row("idle: 2,000 viewers, no scores", "% CPU", (Target(most=0.25, peer="socketio"),)),
    "slow": Row("20 of 200 viewers never read: growth", "MB", (Target(most=0.5),)),
    "screen": Row(
        "score to screen, p99: 1,000 viewers, 2,000 scores/s, every viewer ends equal", "ms", (Target(most=160.0),)
    ),
    "many": Row("10,000 viewers in one process at 2 Hz: frames lost", "frames", (Target(most=0.0),)),
    "many-rate": Row("10,000 viewers in one process: frames at each", "Hz", (Target(least=1.8),)),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target of one row: ours against it, per round, and whether the median meets it."""

    row: str
    target: Target
    values: list[float]

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    @property
    def passed(self) -> bool:
        return self.target.met_by(self.median)


def judge(measured: Iterable[Figures]) -> list[Verdict]:
    """A verdict for each target whose peer was there; where ours failed, for each. Ratios are made within a round, never
    across rounds.
    """
    found = []
    for figures in measured:
        ours = figures.values[OURS]
        for target in ROWS[figures.row].targets:
            if not target.peer or not all(map(isfinite, ours)):
                found.append(Verdict(figures.row, target, ours))
            elif theirs := figures.values.get(target.peer):
                found.append(Verdict(figures.row, target, [a / b for a, b in zip(ours, theirs, strict=True)]))
    return found


def written(value: float) -> str:
    """A figure with as many digits as it deserves."""
    if not isfinite(value):
        return "failed"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
