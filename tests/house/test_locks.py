"""What is installed is what the lock files pin, and they pin what the readable files name."""

import re
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([^\s;\\]+)", re.MULTILINE)
ENTRY = re.compile(r"^([a-z0-9-]+)==(\S+)(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def named(file: str) -> dict[str, str]:
    """{package: version} of a readable file."""
    return {name.lower(): version for name, version in PINNED.findall((ROOT / file).read_text())}


def locked(file: str) -> dict[str, str]:
    """{package: version} of a lock file."""
    return {name: version for name, version, _ in ENTRY.findall((ROOT / file).read_text())}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev", "requirements-node"])
def test_the_lock_pins_what_the_readable_file_names(name: str) -> None:
    wanted = named(f"{name}.txt")
    assert wanted
    assert wanted.items() <= locked(f"{name}.lock").items()


@pytest.mark.parametrize("name", ["requirements", "requirements-dev", "requirements-node"])
def test_every_requirement_is_exact_and_every_locked_package_has_a_hash(name: str) -> None:
    lines = (ROOT / f"{name}.txt").read_text().splitlines()
    loose = [line for line in lines if line and not line.startswith(("#", "-r ")) and not PINNED.match(line)]
    assert loose == []
    bare = [entry[0] for entry in ENTRY.findall((ROOT / f"{name}.lock").read_text()) if "--hash=" not in entry[2]]
    assert bare == []


def test_both_locks_agree_so_that_tests_run_what_users_run() -> None:
    assert locked("requirements.lock").items() <= locked("requirements-dev.lock").items()


def test_installed_packages_have_the_locked_versions() -> None:
    wanted = locked("requirements-dev.lock")
    installed = {re.sub(r"[-_.]+", "-", d.name).lower(): d.version for d in distributions()}
    drifted = {n: (v, wanted[n]) for n, v in installed.items() if n in wanted and v != wanted[n]}
    assert drifted == {}
    assert named("requirements.txt").keys() <= installed.keys()
