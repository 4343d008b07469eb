"""Who is about besides the players, on a real server: what each of them does is seen there."""

import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from dashboard.config import DEMO_RATE_LIMITS
from dashboard.core.policies import Policy, parse_policies
from dashboard.demo.world import World
from tests.conftest import ROOT, Api, Start
from tests.store.hold import wait_until
from tests.store.rate_reference import Gcra
from tests.web.wire import Wire

SEEN: dict[str, Callable[[str, Any], bool]] = {
    "an order is announced": lambda event, frame: event == "message" and frame["message"].endswith(" created"),
    "its payment is settled": lambda event, frame: event == "message" and frame["message"].endswith(" paid"),
    "users are found in the cache": lambda event, frame: event == "cache" and frame["counts"]["hit"] > 3,
    "users are loaded": lambda event, frame: event == "cache" and frame["counts"]["miss"] > 3,
    "somebody waits for a lock": lambda event, frame: (
        event == "locks" and any(lock["name"] == "nightly" and lock["contended"] for lock in frame["locks"])
    ),
    "somebody is signed in": lambda event, frame: event == "sessions" and frame["active"] > 0,
}
REFUSED = {
    "a reader is refused": lambda event, frame: (
        event == "limits" and any(row["refused_per_second"] and row["by"] == "address" for row in frame["subjects"])
    ),
}


def watch(url: str, wanted: dict[str, Callable[[str, Any], bool]], within_s: float = 40.0) -> list[tuple[str, Any]]:
    """Watch until all of it was seen; every frame that came."""
    missing, frames, until_s = dict(wanted), list[tuple[str, Any]](), time.monotonic() + within_s
    with Wire(url) as wire:
        for topic in ("channel:orders", "cache", "locks", "sessions", "limits"):
            assert "error" not in wire.ask("subscribe", {"topic": topic})
        while missing:
            assert time.monotonic() < until_s, f"not within {within_s} s: {', '.join(missing)}"
            frames.append(wire.hear())
            missing = {what: is_it for what, is_it in missing.items() if not is_it(*frames[-1])}
    return frames


def test_make_run_shows_the_whole_toolbox_and_refuses_no_player(start_server: Start) -> None:
    server = start_server("--demo")
    frames = watch(server.url, SEEN | REFUSED)
    limits = [frame for event, frame in frames if event == "limits"]
    expected = [policy.quota.name for policy in parse_policies(DEMO_RATE_LIMITS)]
    assert [policy["policy"] for policy in limits[-1]["policies"]] == expected
    refused = {row["policy"] for frame in limits for row in frame["subjects"] if row["refused_per_second"]}
    assert refused == {"user/second/address"}
    api = Api(server.url)
    assert api.get("/users/visitor")["data"]["username"] == "visitor"
    order = next(frame["message"] for event, frame in frames if event == "message" and "paid" in frame["message"])
    assert f"{order.removesuffix('paid')}created" in [frame["message"] for event, frame in frames if event == "message"]
    api.session.close()


def rises(topic: str, figure: Callable[[Any], int]) -> Callable[[str, Any], bool]:
    """That a panel's figure has risen since it was first seen."""
    first: list[int] = []

    def has_risen(event: str, frame: Any) -> bool:
        if event == topic:
            first.append(figure(frame))
        return bool(first) and first[-1] > first[0]

    return has_risen


def test_all_go_on_after_the_server_was_killed_and_leave_nothing_behind(start_server: Start, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    flags = ("--port", port, "--async-mode", "threading", "--api-keys", "one", "--operator-key", "boss")
    server = start_server(*flags)
    api = Api(server.url)
    command = [sys.executable, str(ROOT / "run.py"), "demo", "--url", server.url, "--board", "b", "--api-key", "one"]
    with subprocess.Popen(command, cwd=tmp_path, text=True, stderr=subprocess.PIPE) as demo:
        try:
            wait_until(lambda: api.get("/boards/b").get("players", 0) > 5)
            server.kill()
            start_server(*flags)
            wanted = {
                "scores": rises("limits", lambda _: sum(row["score"] for row in api.get("/boards/b/top")["rows"])),
                "reads of users": rises("cache", lambda frame: frame["reads"]),
                "grants of the lock": rises("locks", lambda frame: max([0, *(row["fence"] for row in frame["locks"])])),
            }
            live = ("an order is announced", "its payment is settled", "somebody is signed in")
            watch(server.url, wanted | {what: SEEN[what] for what in live})
            sent_s = time.monotonic()
            demo.send_signal(signal.SIGINT)
            assert demo.wait(10) == 0
            assert time.monotonic() - sent_s < 3
        finally:
            demo.kill()
    assert [lock for lock in api.get("/locks")["locks"] if lock["name"] == "nightly"] == []
    api.post("/session", {"name": "boss", "operator_key": "boss"})
    assert [session["name"] for session in api.get("/sessions")["sessions"]] == ["boss"]
    api.session.close()


def refusals(policy: Policy, until_s: float) -> int:
    """How many of the demo's own scores the policy would refuse."""
    players = defaultdict[str, Gcra](lambda: Gcra(policy.quota.count, 1_000_000 * policy.quota.window_s))
    refused = 0
    for play in takewhile(lambda play: play.due_s < until_s, World(7, 400, 40).plays()):
        at_us, player = round(play.due_s * 1_000_000), players[play.player]
        if player.wait(at_us, 1):
            refused += 1
        else:
            player.take(at_us, 1)
    return refused


@pytest.mark.parametrize(("text", "is_harmless"), [(DEMO_RATE_LIMITS, True), ("score:60/minute/player", False)])
def test_the_players_stay_below_the_limit_of_the_demo(text: str, is_harmless: bool) -> None:
    [policy] = [policy for policy in parse_policies(text) if policy.guard == "score"]
    assert policy.subject == "player"
    assert (refusals(policy, 1200) == 0) is is_harmless
