"""A folder for a store, and processes that hold it."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store.hold import Holder, is_gone, servers_in


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder with a short path. At the end no server may be left in it; one that is is killed."""
    folder = Path(tempfile.mkdtemp(prefix="sc-"))
    try:
        yield folder
        assert servers_in(folder) == [], "a store was left behind"
    finally:
        for pid in servers_in(folder):
            os.kill(pid, signal.SIGKILL)
            is_gone(pid)
        shutil.rmtree(folder)


@pytest.fixture
def holders(data_dir: Path) -> Iterator[Any]:
    """Makes Holders in the data folder; kills them all at the end."""
    made: list[Holder] = []

    def make(*options: str, **others: Any) -> Holder:
        made.append(Holder(data_dir, *options, **others))
        return made[-1]

    yield make
    for holder in made:
        holder.kill()
    for pid in servers_in(data_dir):
        is_gone(pid)
