"""The page's headers, its files, its figures, and the check that its libraries are there."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from plotly.offline import get_plotlyjs_version
from werkzeug.test import TestResponse

from dashboard.errors import StartFailed
from dashboard.web.figures import figures
from dashboard.web.pages import ROOT, check_vendor, make_pages, policy


@pytest.fixture(scope="module")
def client() -> Iterator[FlaskClient]:
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(make_pages())
    with app.test_client() as client:
        yield client


def get(client: FlaskClient, path: str, **options: Any) -> TestResponse:
    """A whole answer, with its file closed."""
    return client.get(path, buffered=True, **options)


def test_scripts_come_from_files_of_our_own_alone(client: FlaskClient) -> None:
    answer = get(client, "/")
    rules = dict(rule.strip().partition(" ")[::2] for rule in answer.headers["Content-Security-Policy"].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert "unsafe" not in rules["style-src-elem"]
    tags = re.findall(r"<script([^>]*)>", answer.text)
    assert all("src=" in tag or 'type="application/json"' in tag for tag in tags)
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|https?://", answer.text)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_sockets_may_go_to_the_page_s_own_host_alone() -> None:
    assert "connect-src 'self' ws://game.example:8000 wss://game.example:8000;" in policy("game.example:8000")
    assert "connect-src 'self' ws://[::1]:80 wss://[::1]:80;" in policy("[::1]:80")
    for odd in ("a b", "x; script-src *", "", "*", "é.example"):
        assert "connect-src 'self';" in policy(odd), "a host that is none adds nothing"


@pytest.mark.parametrize(
    "path", ["/", "/static/js/main.js", "/static/css/tokens.css", "/static/vendor/archivo.woff2", "/static/icon.svg"]
)
def test_everything_is_asked_for_again_and_not_sent_again(client: FlaskClient, path: str) -> None:
    first = get(client, path)
    assert first.status_code == 200
    assert first.headers["Cache-Control"] == "no-cache"
    again = get(client, path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert get(client, path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_modules_have_the_type_that_browsers_demand(client: FlaskClient) -> None:
    types = {path: get(client, path).mimetype for path in ("/static/js/main.js", "/static/css/base.css")}
    assert types == {"/static/js/main.js": "text/javascript", "/static/css/base.css": "text/css"}


@pytest.mark.parametrize(
    "path", ["/static/../run.py", "/static/%2e%2e/run.py", "/static/js", "/static/none.js", "/static/"]
)
def test_nothing_else_is_served(client: FlaskClient, path: str) -> None:
    assert get(client, path).status_code == 404


def test_every_file_that_the_page_names_is_there(client: FlaskClient) -> None:
    named = re.findall(r'(?:src|href)="(/static/[^"]+)"', get(client, "/").text)
    assert "/static/js/views/board.js" in named
    assert [path for path in named if get(client, path).status_code != 200] == []


def test_figures_hold_still() -> None:
    for name, figure in figures().items():
        layout, text = figure["layout"], json.dumps(figure)
        assert layout["uirevision"] == "keep", name
        assert layout["dragmode"] is False, name
        assert not layout["xaxis"]["automargin"], name
        assert not layout["yaxis"]["automargin"], name
        assert len(figure["data"]) == 1, name
        assert len(text) < 2000, "no template of plotly's own"
        assert not re.search(r"#[0-9a-f]{3,8}\b", text), "colours are the page's tokens"


def test_every_token_that_figures_name_exists() -> None:
    css = (ROOT / "static" / "css" / "tokens.css").read_text()
    for token in set(re.findall(r"var\((--[\w-]+)\)", json.dumps(figures()))):
        assert f"{token}:" in css


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout with the page's libraries alone."""
    shutil.copytree(ROOT / "static" / "vendor", tmp_path / "static" / "vendor")
    shutil.copy(ROOT / "package.json", tmp_path)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_libraries_that_fit_are_taken(copy: Path) -> None:
    check_vendor(copy)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda root: shutil.rmtree(root / "static" / "vendor"), "is not set up"),
        (lambda root: (root / "static" / "vendor" / "versions.json").write_text("{"), "is not set up"),
        (lambda root: (root / "static" / "vendor" / "plotly-basic.min.js").unlink(), "lacks plotly-basic.min.js"),
        (
            lambda root: change(root / "package.json", '"socket.io-client": "', '"socket.io-client": "9'),
            "4.8.4, 94.8.4 is needed",
        ),
        (lambda root: change(root / "package.json", '"dependencies": {', '"dependencies": {"new": "1",'), "lacks new"),
    ],
)
def test_other_libraries_stop_the_start_with_one_line(copy: Path, spoil: Any, says: str) -> None:
    spoil(copy)
    with pytest.raises(StartFailed) as caught:
        check_vendor(copy)
    assert says in str(caught.value)
    assert str(caught.value).endswith("run `make setup`.")
    assert "\n" not in str(caught.value)


def test_a_plotly_js_that_plotly_py_does_not_draw_for_stops_the_start(copy: Path) -> None:
    now = get_plotlyjs_version()
    for file in (copy / "package.json", copy / "static" / "vendor" / "versions.json"):
        change(file, now, "1.58.5")
    with pytest.raises(StartFailed, match=f"1.58.5, {re.escape(now)} is needed"):
        check_vendor(copy)
