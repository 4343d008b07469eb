"""Clients that games use, over each transport: what they are told, put together, is the board."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.client import play
from tests.conftest import ROOT, Api, ServerProcess

Told = dict[str, Any]


def node(url: str, board: str, mode: str) -> Told:
    """What a socket.io-client on Node was told."""
    program = shutil.which("node", path=os.pathsep.join([os.environ["PATH"], str(ROOT / ".venv" / "bin")]))
    assert program, "there is no Node here: `make setup` installs one"
    words = [program, str(ROOT / "tests" / "clients" / "client.mjs"), url, board, mode]
    ran = subprocess.run(words, text=True, encoding="utf-8", capture_output=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    told: Told = json.loads(ran.stdout)
    return told


class Gap(Exception):
    """A frame is missing: subscribe again."""


def applied(told: Told, *, naive: bool = False) -> list[dict[str, Any]]:
    """The rows at the end, by the contract's rules; `naive` does not look for gaps."""
    start = told["subscribed"]
    seq, rows = start["seq"], {row["rank"]: row for row in start["snapshot"]["rows"]}
    for frame in told["frames"]:
        assert (frame["topic"], frame["epoch"]) == (start["topic"], start["epoch"])
        if frame["seq"] <= seq and not naive:
            continue
        if frame["seq"] > seq + 1 and not frame["full"] and not naive:
            raise Gap(frame["seq"])
        rows = ({} if frame["full"] else rows) | {row["rank"]: row for row in frame["rows"]}
        rows = {rank: row for rank, row in rows.items() if rank <= frame["players"]}
        seq = frame["seq"]
    return [rows[rank] for rank in sorted(rows)]


@pytest.mark.parametrize("client", [node, play], ids=["socket.io-client", "python-socketio"])
@pytest.mark.parametrize("mode", ["websocket", "polling", "upgrade"])
def test_a_client_is_told_the_whole_board(
    client: Callable[[str, str, str], Told], mode: str, server: ServerProcess, api: Api, board: str
) -> None:
    told = client(server.url, board, mode)
    assert told["transport"] == ("polling" if mode == "polling" else "websocket")
    if client is node:
        assert told["first"] == ("websocket" if mode == "websocket" else "polling")
        assert told["frames"] == sorted(told["frames"], key=lambda frame: frame["seq"])

    assert told["subscribed"]["snapshot"] == {"players": 0, "version": 0, "rows": []}
    assert told["results"][30]["error"]["errors"][0]["pointer"] == "/scores/30/player"
    assert [result["rank"] for result in told["results"][31:]] == [1, 1, 1, 1]
    assert told["refused"]["error"]["status"] == 422
    assert told["unsubscribed"] == {"topic": f"board:{board}:all"}
    assert [answer["seq"] for answer in told["synced"]] == [1, 2, 3, 4, 5]

    top = api.get(f"/boards/{board}/top", limit=20)["rows"]
    assert [(row["player"], row["score"]) for row in top[:2]] == [("плеер 3", 1003), ("плеер 2", 1002)]
    assert applied(told) == top
    control_a_lost_frame_is_seen(told, top)


def control_a_lost_frame_is_seen(told: Told, top: list[dict[str, Any]]) -> None:
    """Without one of its frames of changed rows the board is wrong, and a client that minds `seq` knows it."""
    changed = [i for i, frame in enumerate(told["frames"]) if not frame["full"]]
    assert changed, "every frame was full: a lost one would heal itself"
    last = {**told, "frames": told["frames"][: changed[-1]] + told["frames"][changed[-1] + 1 :]}
    assert applied(last, naive=True) != top
    assert len(changed) > 1
    middle = {**told, "frames": told["frames"][: changed[0]] + told["frames"][changed[0] + 1 :]}
    with pytest.raises(Gap):
        applied(middle)
