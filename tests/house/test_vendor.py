"""static/vendor/ holds the files of the pinned versions, and Plotly is the same one in Python and in the page."""

import hashlib
import json
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs_version

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "static" / "vendor"


def read(path: str) -> Any:
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def test_vendored_versions_are_the_pinned_ones() -> None:
    pins, lock = read("package.json")["dependencies"], read("package-lock.json")["packages"]
    vendored = {entry["package"]: entry["version"] for entry in read("static/vendor/versions.json")["files"].values()}
    assert pins.items() <= vendored.items()
    assert vendored == {name: lock[f"node_modules/{name}"]["version"] for name in vendored}


def test_vendored_files_are_whole_and_nothing_else_lies_there() -> None:
    recorded = {name: entry["sha256"] for name, entry in read("static/vendor/versions.json")["files"].items()}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.iterdir()}
    del found["versions.json"]
    assert found == recorded


def test_the_page_has_the_plotly_that_plotly_py_writes_figures_for() -> None:
    assert read("package.json")["dependencies"]["plotly.js-basic-dist-min"] == get_plotlyjs_version()


def test_npm_packages_are_locked_by_digest() -> None:
    packages = read("package-lock.json")["packages"]
    assert [name for name, entry in packages.items() if name and "integrity" not in entry] == []
