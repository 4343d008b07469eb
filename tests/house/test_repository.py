"""What is committed speaks of the project alone: no machine's folders, no package index, no third-party bundle."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOREIGN = {
    "a folder of one machine": re.compile(r"(?<![\w.~$}-])/(?:home|root|Users|opt|work|mnt)/\w"),
    "a package index": re.compile(r"registry\.npmjs|registry\.yarnpkg|pypi\.org|pythonhosted\.org|deb\.debian\.org"),
    "an address in a lock": re.compile(r'"resolved" *:|--(?:extra-)?index-url|--find[-]links'),
}
VENDORED = re.compile(r"(^|/)(node_modules|vendor)/|\.min\.(js|css)$|\.woff2?$")


def committed() -> list[str]:
    """Every file that is in git or would be added to it."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, text=True, capture_output=True, check=True).stdout.split("\0")
    return [name for name in names if name and (ROOT / name).is_file()]


def foreign(text: str) -> list[str]:
    return [what for what, pattern in FOREIGN.items() if pattern.search(text)]


def test_no_file_names_a_machine_or_a_package_index() -> None:
    found = {}
    for name in committed():
        text = (ROOT / name).read_bytes().decode("utf-8", errors="replace")
        found[name] = foreign(text)
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-node.lock"])
def test_python_locks_hold_no_address_at_all(name: str) -> None:
    assert "://" not in (ROOT / name).read_text()


def test_third_party_code_is_installed_not_committed() -> None:
    assert [name for name in committed() if VENDORED.search(name)] == []


@pytest.mark.parametrize(
    "text",
    [
        "open('/" + "home/someone/scorecast/data')",
        "cd /" + "work/main",
        "https://files.python" + "hosted.org/packages/x.whl",
        '"' + 'resolved": "https://example.test/x.tgz"',
        "--index" + "-url https://example.test/simple",
    ],
)
def test_control_what_is_foreign_is_found(text: str) -> None:
    assert foreign(text)


@pytest.mark.parametrize("text", ["make PYTHON=/path/to/python", "GET /api/v1/work/1", "/usr/bin/env bash"])
def test_control_what_is_ours_is_left_alone(text: str) -> None:
    assert not foreign(text)
