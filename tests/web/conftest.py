"""Servers that tests of this folder share."""

from collections.abc import Iterator

import pytest

from tests.conftest import ServerProcess


@pytest.fixture(scope="session")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose callers soon come to their limits."""
    limits = "score:12/hour/key/fixed, score:9/day/key/sliding"
    server = ServerProcess(env={"RATE_LIMITS": limits}, data_dir=tmp_path_factory.mktemp("limited"))
    yield server.url
    server.stop()
    assert not [words for words in server.errors if "Traceback" in words], "".join(server.errors)
