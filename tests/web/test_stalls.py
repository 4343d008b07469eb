"""The store stalls: the hot lane lets so many scores wait, and refuses what is more at once; nothing that waits is lost."""

import json
import os
import select
import signal
from contextlib import ExitStack

import pytest
import requests

from dashboard.core.intake import MOST_WAITING
from dashboard.core.scores import BATCH
from tests.conftest import Start
from tests.store.hold import server_pid
from tests.web.raw import Line, request


@pytest.mark.parametrize("limits", ["", "score:1000/hour/player"])
def test_more_than_may_wait_get_503_at_once_and_the_others_their_answers(
    limits: str, start_server: Start, board: str
) -> None:
    server = start_server("--workers", "0", env={"RATE_LIMITS": limits})
    requests.put(f"{server.url}/api/v1/boards/{board}", json={"rule": "sum"}, timeout=10)
    body = json.dumps({"scores": [{"player": f"p{n}", "score": 1} for n in range(BATCH)]}).encode()
    sent = request("POST", f"/api/v1/boards/{board}/scores", body)
    store, waiting = server_pid(f"unix://{server.data_dir}/store/valkey.sock"), MOST_WAITING // BATCH
    with ExitStack() as stack:
        lines = [stack.enter_context(Line(server.url)) for _ in range(waiting + 1)]
        os.kill(store, signal.SIGSTOP)
        try:
            for line in lines:
                line.send(sent)
            refused = lines.pop(_first_readable(lines)).answer()
        finally:
            os.kill(store, signal.SIGCONT)
        answers = [line.answer() for line in lines]
    assert (refused.status, refused.json()["code"]) == (503, "store-unavailable")
    assert int(refused.headers["retry-after"]) >= 1
    assert [answer.status for answer in answers] == [200] * waiting
    top = requests.get(f"{server.url}/api/v1/boards/{board}/top?limit=1", timeout=10).json()
    assert (top["players"], top["rows"][0]["score"]) == (BATCH, waiting), "each once"


def _first_readable(lines: list[Line]) -> int:
    ready, _, _ = select.select(lines, [], [], 4)  # the others are given up after five seconds
    assert len(ready) == 1, "one is refused, the others wait"
    return lines.index(ready[0])
