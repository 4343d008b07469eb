"""What machines ask: is it alive, is it ready, and how much does it do."""

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from dashboard.errors import StoreUnavailable

Check = Callable[[], None]
Figure = tuple[str, Callable[[], float]]


def make_health(checks: Mapping[str, Check], figures: Mapping[str, Figure]) -> Blueprint:
    """`checks` raise StoreUnavailable where their part does not answer; `figures`: name -> (help, reader). A figure
    whose name ends in `_total` is a counter, any other a gauge.
    """
    health = Blueprint("health", __name__)
    registry = CollectorRegistry()
    registry.register(_Figures(figures))
    ProcessCollector(registry=registry)

    @health.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return jsonify({"status": "alive"})

    @health.get("/readyz")
    def readyz() -> ResponseReturnValue:
        found = {name: _look(check) for name, check in checks.items()}
        ready = all(state == "ok" for state in found.values())
        return jsonify({"status": "ready" if ready else "not ready", "checks": found}), 200 if ready else 503

    @health.get("/metrics")
    def metrics() -> ResponseReturnValue:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)

    return health


class _Figures:
    def __init__(self, figures: Mapping[str, Figure]) -> None:
        self._figures = figures

    def collect(self) -> list[Metric]:
        return [_metric(name, text, read()) for name, (text, read) in self._figures.items()]


def _metric(name: str, text: str, value: float) -> Metric:
    if name.endswith("_total"):
        return CounterMetricFamily(name.removesuffix("_total"), text, value=value)
    return GaugeMetricFamily(name, text, value=value)


def _look(check: Check) -> str:
    try:
        check()
    except StoreUnavailable as error:
        return error.detail
    return "ok"
