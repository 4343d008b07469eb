"""The report: a table for people, the raw figures, plots.

Owns: what is written to bench/results/ and printed. Leaves to others: measuring, targets (`table.py`).
"""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import plotly.graph_objects as go

from bench.table import OURS, ROWS, Figures, Verdict, judge, written

RESULTS = Path(__file__).resolve().parent / "results"
PLOTLY = "../../../static/vendor/plotly-basic.min.js"
"""The page's own copy, as seen from a folder in RESULTS."""


@dataclass(frozen=True, slots=True)
class Curve:
    """How a cost grows: points of x and y per server."""

    title: str
    x: str
    y: str
    series: dict[str, list[tuple[float, float]]]


def table(measured: Sequence[Figures]) -> str:
    """The targets, as Markdown: ours against each, least, median and most of the rounds."""
    lines = ["| row | target | min | median | max | |", "|---|---|---|---|---|---|"]
    for verdict in judge(measured):
        values = " | ".join(written(value) for value in (verdict.low, verdict.median, verdict.high))
        lines.append(f"| {ROWS[verdict.row].title} | {_bound(verdict)} | {values} | {_mark(verdict)} |")
    return "\n".join(lines)


def figures_table(measured: Sequence[Figures]) -> str:
    """Medians per server, as Markdown. Absolute figures: they move with the machine."""
    servers = list(dict.fromkeys(name for figures in measured for name in figures.values))
    lines = ["| row | unit | " + " | ".join(servers) + " |", "|---|---|" + "---|" * len(servers)]
    for figures in measured:
        medians = [written(statistics.median(v)) if (v := figures.values.get(name)) else "" for name in servers]
        lines.append(f"| {ROWS[figures.row].title} | {ROWS[figures.row].unit} | " + " | ".join(medians) + " |")
    return "\n".join(lines)


def curve_table(curve: Curve) -> str:
    """The points, as Markdown."""
    points = sorted({x for series in curve.series.values() for x, _ in series})
    lines = [f"{curve.title}: {curve.y}", "", f"| {curve.x} | " + " | ".join(f"{x:,.0f}" for x in points) + " |"]
    lines.append("|---|" + "---|" * len(points))
    for name, series in curve.series.items():
        known = dict(series)
        lines.append(f"| {name} | " + " | ".join(written(known[x]) if x in known else "" for x in points) + " |")
    return "\n".join(lines)


def text(measured: Sequence[Figures], curves: Sequence[Curve], method: str) -> str:
    """The whole report, as Markdown."""
    notes = [f"- {ROWS[figures.row].title}: {note}" for figures in measured for note in figures.notes]
    parts = [f"{machine()}. {method}", table(measured), figures_table(measured), "\n".join(notes)]
    return "\n\n".join(part for part in [*parts, *map(curve_table, curves)] if part) + "\n"


def machine() -> str:
    """What it ran on, in a line."""
    cores = os.cpu_count() or 1
    return (
        f"{cores} core{'s' * (cores > 1)}, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )


def write(folder: Path, measured: Sequence[Figures], curves: Sequence[Curve], method: str) -> None:
    """`table.md`, `raw.json` and `plots.html`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text(text(measured, curves, method), encoding="utf-8")
    raw = {
        "machine": machine(),
        "method": method,
        "rows": [asdict(figures) | {"unit": ROWS[figures.row].unit} for figures in measured],
        "verdicts": [asdict(v) | {"median": v.median, "passed": v.passed} for v in judge(measured)],
        "curves": [asdict(curve) for curve in curves],
    }
    (folder / "raw.json").write_text(json.dumps(raw, indent=1), encoding="utf-8")
    (folder / "plots.html").write_text(_page(measured, curves), encoding="utf-8")


def _bound(verdict: Verdict) -> str:
    unit = "" if verdict.target.peer else f" {ROWS[verdict.row].unit}"
    return verdict.target.words + unit


def _mark(verdict: Verdict) -> str:
    return "pass" if verdict.passed else "**miss**"


def _page(measured: Sequence[Figures], curves: Sequence[Curve]) -> str:
    plots = [_bars(figures) for figures in measured] + [_lines(curve) for curve in curves]
    parts = [plot.to_html(full_html=False, include_plotlyjs=False) for plot in plots]
    head = f'<!doctype html><meta charset="utf-8"><title>Figures</title><script src="{PLOTLY}"></script>'
    return "\n".join([head, *parts]) + "\n"


def _bars(figures: Figures) -> go.Figure:
    names = list(figures.values)
    middle = [statistics.median(figures.values[name]) for name in names]
    above = [max(figures.values[name]) - m for name, m in zip(names, middle, strict=True)]
    below = [m - min(figures.values[name]) for name, m in zip(names, middle, strict=True)]
    spread = {"type": "data", "symmetric": False, "array": above, "arrayminus": below}
    colours = ["#3b6fd4" if name == OURS else "#9aa4b2" for name in names]
    bars = go.Bar(x=names, y=middle, error_y=spread, marker_color=colours)
    row = ROWS[figures.row]
    return go.Figure(bars, {"title": row.title, "yaxis_title": row.unit, "height": 360, "width": 760})


def _lines(curve: Curve) -> go.Figure:
    lines = [
        go.Scatter(x=[x for x, _ in series], y=[y for _, y in series], name=name, mode="lines+markers")
        for name, series in curve.series.items()
    ]
    axes = {"xaxis_title": curve.x, "yaxis_title": curve.y, "xaxis_type": "log", "yaxis_rangemode": "tozero"}
    return go.Figure(lines, {"title": curve.title, "height": 360, "width": 760} | axes)
