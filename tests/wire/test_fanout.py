"""Fan-out: what is sent to a room reaches all in it, in order; who does not read costs no memory and is told so in the end."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import pairwise
from typing import Any

import requests

from tests.store.hold import wait_until
from tests.wire.client import Raw, masked
from tests.wire.conftest import Run, Site

SMALL = 4096
"""A receive buffer that is soon full."""


def frames(client: Raw, until: int) -> Iterator[tuple[str, Any]]:
    """Events as they come, up to frame `until`."""
    while True:
        text = client.text()
        if text.startswith("42"):
            event, payload = json.loads(text[2:])
            yield event, payload
            if event == "frame" and payload["seq"] >= until:
                return


def test_each_viewer_in_the_room_gets_each_frame_and_nobody_else(site: Site) -> None:
    with ExitStack() as stack:
        viewers = [stack.enter_context(Raw(site.port)) for _ in range(40)]
        stranger = stack.enter_context(Raw(site.port))
        for viewer in viewers:
            viewer.ask("join", "red")
        site.do("flow", room="red", n=20, hz=200, size=1600)
        for viewer in viewers:
            assert [frame["seq"] for _, frame in frames(viewer, 20)] == list(range(1, 21))
        stranger.say('421["echo",1]')
        assert stranger.text() == "431[1]"


def test_who_reads_late_gets_an_early_frame_whole_ones_and_the_newest(site: Site) -> None:
    """The frames between were replaced; where some are missing, a whole one stands for them."""
    with Raw(site.port, receive=SMALL) as slow, Raw(site.port) as quick:
        for viewer in (slow, quick):
            viewer.ask("join", "late")
        site.do("flow", room="late", n=150, hz=100, size=20_000)
        assert len(list(frames(quick, 150))) == 150
        got = [frame for _, frame in frames(slow, 150)]
        assert len(got) < 50, "the rest was replaced"
        for last, frame in pairwise(got):
            assert frame["seq"] > last["seq"]
            assert frame["full"] or frame["seq"] == last["seq"] + 1
        assert got[-1]["full"]


def test_pictures_and_what_must_not_be_lost_keep_one_order(site: Site) -> None:
    """Each number is sent behind the frame of that number, so the frame or a newer one has come before it."""
    with Raw(site.port, receive=SMALL) as slow:
        slow.ask("join", "both")
        site.do("flow", room="both", n=60, hz=100, size=20_000, how="both")
        time.sleep(0.8)
        seen, each = 0, []
        for event, payload in frames(slow, 60):
            if event == "frame":
                seen = payload["seq"]
            else:
                assert seen >= payload
                each.append(payload)
        assert each == list(range(1, 60))
        assert slow.text() == '42["each",60]'


def test_an_answer_comes_behind_the_frames_that_were_sent_before_it(site: Site) -> None:
    with Raw(site.port, receive=SMALL) as slow:
        slow.ask("join", "sync")
        site.do("flow", room="sync", n=40, hz=400, size=20_000)
        wait_until(lambda: "flow sync" in site.get("/state")["handled"])
        slow.say('429["echo","now"]')
        texts = [slow.text()]
        while texts[-1] != '439["now"]':
            texts.append(slow.text())
        assert json.loads(texts[-2][2:])[1]["seq"] == 40


def test_who_polls_gets_frames_too(site: Site) -> None:
    address = f"{site.url}/socket.io/?EIO=4&transport=polling"
    with requests.Session() as polling:
        address += f"&sid={json.loads(polling.get(address, timeout=10).text[1:])['sid']}"
        polling.post(address, data="40", timeout=10)
        polling.get(address, timeout=10)
        site.do("flow", room="all", n=200, hz=2000)
        time.sleep(0.3)
        got: list[int] = []
        while len(got) < 64:
            packets = polling.get(address, timeout=10).text.split("\x1e")
            got += [json.loads(packet[2:])[1]["seq"] for packet in packets if packet.startswith("42")]
        assert got[:64] == list(range(1, 65)), "a gap shows what was left out"
        polling.post(address, data="1", timeout=10)


def growth_kb(site: Site, how: str) -> int:
    """By how much the server grows while 60 viewers do not read 300 frames of 20 kB each."""
    with ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(Raw(site.port, receive=SMALL))
        with Raw(site.port) as quick:
            rss_kb: list[int] = []
            for n in (60, 300):  # at first the kernel's buffers fill
                site.do("flow", n=n, hz=300, size=20_000, how=how)
                assert len(list(frames(quick, n))) > n / 2
                rss_kb.append(site.get("/state")["rss_kb"])
    return rss_kb[1] - rss_kb[0]


def test_viewers_who_do_not_read_cost_no_memory(run: Run) -> None:
    site = run(limits={"slow_s": 30.0})
    assert growth_kb(site, "publish") < 1500
    assert site.get("/state")["replaced"] > 1000


def test_control_without_it_they_do(run: Run) -> None:
    """The library keeps every frame for each of them, as a copy where it is half sent."""
    assert growth_kb(run(library=True), "emit") > 3000


def test_who_is_stuck_is_told_and_closed(site: Site) -> None:
    before = site.get("/state")["reasons"]
    with Raw(site.port, receive=SMALL) as stuck, Raw(site.port) as quick:
        site.do("flow", n=300, hz=100, size=20_000)
        assert len(list(frames(quick, 300))) == 300
        wait_until(lambda: site.get("/state")["reasons"] != before, 10)
        last = ""
        while "notice" not in last[:12]:
            last = stuck.text()
        assert json.loads(last[2:])[1]["code"] == "slow-connection"
        assert stuck.closing() == (4008, "slow connection")
        assert site.get("/state")["reasons"] == before | {"transport error": before.get("transport error", 0) + 1}


def test_what_must_not_be_lost_is_kept_up_to_a_limit(run: Run) -> None:
    site = run(limits={"queue_bytes": 300_000})
    with Raw(site.port, receive=SMALL) as stuck, Raw(site.port) as quick:
        site.do("flow", n=100, hz=500, size=20_000, how="emit")
        assert len(list(frames(quick, 100))) == 100
        assert stuck.closing() == (4008, "slow connection")


def test_over_the_budget_who_holds_most_has_to_go(run: Run) -> None:
    site = run(limits={"total_bytes": 400_000}, most=200_000)
    with ExitStack() as stack:
        hoarders = [stack.enter_context(Raw(site.port)) for _ in range(4)]
        modest = stack.enter_context(Raw(site.port))
        for hoarder in hoarders:
            hoarder.send(masked(b"4" + b"x" * 150_000)[:-1])
        codes = []
        for hoarder in hoarders:
            hoarder.socket.settimeout(1)
            with suppress(TimeoutError):
                codes.append(hoarder.closing()[0])
        assert codes == [4008, 4008], "the other two fit"
        assert modest.ask("echo", 1) == 1
    wait_until(lambda: site.tables()["connections"] == 0)
    assert site.tables()["held"] == 0
