"""The reporter: a report that fails is said with what it was about, and the next one is tried."""

import logging
import threading

import pytest

from dashboard.live.reporter import Reporter
from tests.store.hold import wait_until


def test_the_log_says_which_account_failed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "dashboard.live.reporter")
    calls: list[int] = []

    def report() -> None:
        calls.append(1)
        raise ValueError

    one = Reporter({"sessions": report}, beat_s=0.01)
    thread = threading.Thread(target=one.run)
    thread.start()
    wait_until(lambda: len(calls) > 1)
    one.stop()
    thread.join()
    assert "the account of sessions failed" in caplog.text
