"""The import rules of pyproject.toml hold, and each of them can break."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lint_imports(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", *options]
    return subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)


def test_a_room_imports_only_rooms_below_it() -> None:
    linted = lint_imports(ROOT)
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize(
    ("contract", "planted"),
    [
        ("layers", {"core/planted.py": "import dashboard.web.problems"}),
        ("layers", {"live/planted.py": "import dashboard.web.problems"}),
        ("layers", {"config.py": "import dashboard.values"}),
        ("layers", {"a_new_room.py": ""}),
        ("acyclic", {"core/egg.py": "import dashboard.core.hen", "core/hen.py": "import dashboard.core.egg"}),
        ("flask", {"live/planted.py": "import flask"}),
        ("flask", {"core/planted.py": "import dashboard.errors", "errors.py": "import werkzeug.exceptions"}),
        ("eventlet", {"web/planted.py": "import eventlet.green.time"}),
    ],
)
def test_control_a_planted_import_breaks_its_rule(contract: str, planted: dict[str, str], tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "dashboard", tmp_path / "dashboard", ignore=shutil.ignore_patterns("__pycache__"))
    for name, line in planted.items():
        with (tmp_path / "dashboard" / name).open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
    linted = lint_imports(tmp_path, "--no-cache", "--contract", contract)
    assert linted.returncode == 1
    assert "1 broken" in linted.stdout, linted.stdout + linted.stderr
