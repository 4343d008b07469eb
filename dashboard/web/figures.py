"""The base of the page's charts, made with plotly.py: traces, axes and margins, without data.

Owns: what never changes while a chart runs, so that nothing in it jumps: fixed margins, no automatic ones, a constant
`uirevision`, no zoom. Colours are tokens (`var(--ink)`), which the page resolves in its theme.
Leaves to others: data, ranges and the viewer's colours (`static/js/chart.js`, `static/js/views/`).
"""

import json
from typing import Any

import plotly.graph_objects as go

FONT = 'Archivo, system-ui, "Segoe UI", sans-serif'
CLEAR = "rgba(0,0,0,0)"
TIME = {"type": "date", "tickformat": "%H:%M", "hoverformat": "%H:%M:%S", "nticks": 5}


def figures() -> dict[str, Any]:
    """Figures by name (`race`, `rate`, `spread`), each with one trace as pattern for all, as plain JSON data."""
    race = _figure(
        go.Scatter(
            mode="lines", line={"shape": "linear"}, hovertemplate="%{fullData.name}: rank %{customdata}<extra></extra>"
        ),
        hovermode="closest",
        xaxis={**TIME, "nticks": 4},
        yaxis={"range": [10.5, 0.5], "tickmode": "array", "tickvals": list(range(1, 11)), "zeroline": False},
    )
    rate = _figure(
        go.Bar(hovertemplate="%{y:,.1f}/s<extra></extra>"),
        xaxis=TIME,
        yaxis={"tickformat": "~s", "nticks": 4, "rangemode": "tozero"},
    )
    spread = _figure(
        go.Bar(hovertemplate="%{y:,} players<br>%{customdata}<extra></extra>"),
        hovermode="closest",
        xaxis={"tickformat": "~s", "nticks": 6},
        yaxis={"tickformat": "~s", "nticks": 4, "rangemode": "tozero"},
    )
    return {"race": _plain(race), "rate": _plain(rate), "spread": _plain(spread)}


def _figure(trace: Any, **layout: Any) -> go.Figure:
    axis = {
        "automargin": False,
        "fixedrange": True,
        "gridcolor": "var(--line)",
        "zerolinecolor": "var(--edge)",
        "tickfont": {"size": 11, "color": "var(--ink-3)"},
        "ticks": "",
    }
    figure = go.Figure(trace)
    figure.update_layout(
        template=go.layout.Template(),
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        font={"family": FONT, "size": 12, "color": "var(--ink-2)"},
        margin={"l": 36, "r": 8, "t": 8, "b": 24},
        showlegend=False,
        uirevision="keep",
        dragmode=False,
        hovermode="x unified",
        hoverlabel={"bgcolor": "var(--surface)", "bordercolor": "var(--edge)", "font": {"color": "var(--ink)"}},
        transition={"duration": 0},
        xaxis={**axis, "showgrid": False, "zeroline": False},
        yaxis=axis,
    )
    return figure.update_layout(**layout)


def _plain(figure: go.Figure) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(figure.to_json())
    del plain["layout"]["template"]
    return plain
