"""The guard `read`: every route that reads is guarded, or stands here with its reason."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask

from dashboard.app import Server
from dashboard.config import Settings
from dashboard.parts import open_parts

FREE = {
    "/": "a file of ours",
    "/favicon.ico": "a file of ours",
    "/static/<path:name>": "a file of ours",
    "/healthz": "for machines that watch",
    "/readyz": "for machines that watch",
    "/metrics": "for machines that watch",
    "/api/v1/limits": "who is refused may see why",
    "/user/<id>": "has the guard `user`",
    "/api/v1/users/<id>": "has the guard `user`",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The whole application, with a limit for reads."""
    settings = Settings(  # type: ignore[call-arg]
        _env_file=None,
        data_dir=tmp_path_factory.mktemp("r"),
        port=0,
        async_mode="threading",
        rate_limits="read:999/hour",
    )
    with open_parts(settings) as parts:
        server = Server(settings, parts)
        yield server._flask
        server.listener.close()


def test_every_route_that_reads_is_guarded_or_listed(app: Flask) -> None:
    rules = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert FREE.keys() <= rules
    client = app.test_client()
    for rule in sorted(rules):
        path = re.sub(r"<[^>]+>", "x", rule)
        for method in ("GET", "HEAD"):
            with client.open(path, method=method, environ_overrides={"RAW_PATH_INFO": path}) as answer:
                policy = answer.headers.get("RateLimit-Policy")
            assert policy == (None if rule in FREE else '"read/hour";q=999;w=3600'), f"{method} {rule}"


def test_a_write_costs_no_read(app: Flask) -> None:
    path = "/api/v1/locks/x"
    answer = app.test_client().post(path, json={"ttl_ms": 1000}, environ_overrides={"RAW_PATH_INFO": path})
    assert (answer.status_code, answer.headers.get("RateLimit-Policy")) == (201, None)
