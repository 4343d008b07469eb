"""The page's own tests (tests/js/), run by Node's test runner: one test here for each file there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "tests" / "js").glob("*.test.js"))


def run_tests(file: Path) -> subprocess.CompletedProcess[str]:
    """Node's verdict on one file, with the machine's Node or the one that set-up has put beside our Python."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    node = shutil.which("node", path=path)
    assert node, "there is no Node here: `make setup` installs one"
    return subprocess.run([node, "--test", str(file)], cwd=ROOT, text=True, capture_output=True, check=False)


def test_there_are_files() -> None:
    assert FILES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_page(file: Path) -> None:
    ran = run_tests(file)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_control_a_failing_test_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "wrong.test.js"
    file.write_text("require('node:test')('wrong', () => { throw new Error('seen') })\n", encoding="utf-8")
    ran = run_tests(file)
    assert ran.returncode == 1
    assert "seen" in ran.stdout + ran.stderr
