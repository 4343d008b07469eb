"""The benchmark's command line.

    .venv/bin/python -m bench [--quick] [--row http --row frame ...] [--rounds 5] [--seconds 4] [--without-curves]

Owns: what is run in which order, how long it takes, where the report goes. See README.md for what each row means.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

from bench import cores, curves, posting, product, report, servers, table, watching
from bench.loop import Loop
from bench.meter import Elsewhere
from bench.stage import Stage
from bench.table import Figures
from dashboard.progress import LivingLine


@dataclass(frozen=True, slots=True)
class Experiment:
    """Measures some rows. `quick_s` and `whole_s`: about how long that takes on two cores."""

    rows: tuple[str, ...]
    run: Callable[[Stage], Iterator[Figures]]
    quick_s: int
    whole_s: int


EXPERIMENTS = (
    Experiment(("http",), posting.http, 15, 100),
    Experiment(("score",), posting.score, 12, 75),
    Experiment(("scores",), posting.batch, 12, 75),
    Experiment(("event",), posting.event, 12, 75),
    Experiment(("frame",), watching.frame, 19, 110),
    Experiment(("memory", "idle", "connect", "disconnect"), watching.crowd, 52, 95),
    Experiment(("slow",), watching.slow, 28, 130),
    Experiment(("screen",), product.screen, 9, 25),
    Experiment(("many", "many-rate"), product.many, 18, 40),
)
CURVES_S = 400


def main() -> None:
    rows = [row for experiment in EXPERIMENTS for row in experiment.rows]
    parser = argparse.ArgumentParser(prog="python -m bench", description="Server CPU per unit of work, against peers.")
    parser.add_argument("--quick", action="store_true", help="under three minutes: short rounds, no curves")
    parser.add_argument("--row", action="append", choices=rows, help="only this one; may be repeated; no curves")
    parser.add_argument("--rounds", type=int, help="rounds per server [5; quick: 2]")
    parser.add_argument("--seconds", type=float, help="length of a round [4; quick: 1.2]")
    parser.add_argument("--without-curves", action="store_true", help="only the table")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where a target is missed")
    given = parser.parse_args()
    if sys.platform != "linux":
        sys.exit("The benchmark reads processor time from /proc: it needs Linux.")
    if lacking := servers.missing():
        sys.exit(lacking)
    chosen = [e for e in EXPERIMENTS if given.row is None or set(e.rows) & set(given.row)]
    curves_too = not (given.quick or given.row or given.without_curves)
    seconds = sum(e.quick_s if given.quick else e.whole_s for e in chosen) + CURVES_S * curves_too
    print(f"This takes about {_minutes(seconds)}. Leave the machine alone meanwhile.", flush=True)

    cores.take_load_cores()
    line = LivingLine(sys.stderr)
    peers = frozenset(servers.KINDS) - {servers.OURS} - ({"flask-socketio"} if given.quick else set())
    stage = Stage(
        Loop(),
        given.rounds or (2 if given.quick else 5),
        given.seconds or (1.2 if given.quick else 4.0),
        given.quick,
        peers,
        line.say,
    )
    began, elsewhere = time.monotonic(), Elsewhere()
    measured: list[Figures] = []
    for experiment in chosen:
        for figures in _finished(experiment, stage):
            measured.append(figures)
            line.end()
            print(f"{time.monotonic() - began:4.0f} s  {_short(figures)}", flush=True)
    grown: list[report.Curve] = []
    if curves_too:
        for curve in curves.curves(stage):
            grown.append(curve)
            line.end()
            print(f"{time.monotonic() - began:4.0f} s  {curve.title}", flush=True)
    others = f"other processes took {elsewhere.share():.0%} of the cores"
    method = f"{stage.rounds} interleaved rounds of {stage.seconds:g} s; {others}"
    folder = report.RESULTS / datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    report.write(folder, measured, grown, method)
    print("\n" + report.text(measured, grown, method))
    print(f"{time.monotonic() - began:.0f} s. Plots and raw figures: {folder.relative_to(report.RESULTS.parents[1])}")
    if given.strict and not all(verdict.passed for verdict in table.judge(measured)):
        sys.exit(1)


def _finished(experiment: Experiment, stage: Stage) -> Iterator[Figures]:
    """What it measures; where it breaks off, rows that are left have failed, and say why."""
    left = list(experiment.rows)
    try:
        for figures in experiment.run(stage):
            left.remove(figures.row)
            yield figures
    except (OSError, RuntimeError) as error:
        for row in left:
            yield Figures(row, {servers.OURS: [inf]}, [f"broke off: {error}"])


def _minutes(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 100 else f"{seconds / 60:.0f} minutes"


def _short(figures: Figures) -> str:
    each = (f"{name} {'/'.join(table.written(v) for v in values)}" for name, values in figures.values.items())
    return f"{figures.row}: {', '.join(each)}"


if __name__ == "__main__":
    main()
