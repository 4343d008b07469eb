"""The real page over a bad network: it ends equal to the API, by itself, and leaves nothing behind."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import WebSocket

from tests.browser.conftest import OpenViewer, Viewer
from tests.conftest import ROOT
from tests.journeys.evening import Evening
from tests.journeys.network import Faults

BOARD = "north"
QUESTION = f'"subscribe",{{"topic":"board:{BOARD}:all"'
CHECK = "if (!frame.full && frame.seq !== this.#seq + 1) return { frames: [], again: true };"

Top = Callable[..., list[list[Any]]]


@pytest.fixture
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    with ExitStack() as stack:
        yield Evening(stack, tmp_path_factory.mktemp("e"), seed=3)


class Wire:
    """What a page does on its websockets: how often it connected, and asked for the board."""

    def __init__(self, viewer: Viewer) -> None:
        self.connected = self.asked = 0
        viewer.page.on("websocket", self._opened)

    def _opened(self, websocket: WebSocket) -> None:
        self.connected += 1
        websocket.on("framesent", self._sent)

    def _sent(self, frame: str | bytes) -> None:
        self.asked += QUESTION in str(frame)


def through(evening: Evening, viewers: list[Viewer], faults: Faults, over: Callable[[], bool]) -> None:
    """Scores and faults until it is over, and then one frame more."""
    with evening.load():
        evening.network.become(faults)
        while not over():
            for viewer in viewers:
                viewer.page.wait_for_timeout(50)  # which lets Playwright tell what happens
    evening.last_word()


@pytest.mark.parametrize("ends", [pytest.param(4, id="4"), pytest.param(100, id="100", marks=pytest.mark.soak)])
def test_a_page_ends_equal_to_the_api_and_leaves_nothing_behind(
    evening: Evening, open_viewer: OpenViewer, top: Top, ends: int
) -> None:
    viewers = [open_viewer("/docs", url=evening.network.url) for _ in range(2)]
    wires = [Wire(viewer) for viewer in viewers]
    for viewer in viewers:
        viewer.open(f"/?board={BOARD}").until_state("live")
    faults = Faults(lives_s=(0.5, 3.0), swallow=0.25)

    def over() -> bool:
        met = all(1 < wire.connected < wire.asked for wire in wires)  # a new connection, and a gap besides
        return met and evening.network.ended.total() >= ends

    through(evening, viewers, faults, over)
    rows = top(evening.api, BOARD)
    for viewer, wire in zip(viewers, wires, strict=True):
        viewer.until_rows(rows)
        viewer.until_state("live")
        print(f"{wire.connected} connections, {wire.asked} questions, {dict(evening.network.ended)}")
        assert wire.connected > 1
        assert wire.asked > wire.connected, "there were gaps to be seen"
        assert [what for what in viewer.wrong if what.startswith("exception")] == []
        viewer.page.context.close()
    evening.comes_back()


def test_control_a_page_that_does_not_look_for_gaps_ends_wrong(
    evening: Evening, open_viewer: OpenViewer, top: Top
) -> None:
    module = (ROOT / "static" / "js" / "sequence.js").read_text(encoding="utf-8")
    assert CHECK in module
    viewer = open_viewer("/docs", url=evening.network.url)
    naive = {"body": module.replace(CHECK, ""), "content_type": "text/javascript"}
    viewer.page.route("**/sequence.js*", lambda route: route.fulfill(**naive))
    viewer.open(f"/?board={BOARD}").until_state("live")
    through(evening, [viewer], Faults(lives_s=None, swallow=0.5), lambda: evening.network.swallowed > 10)
    rows = top(evening.api, BOARD)
    viewer.until("rows()[0][2] === given", rows[0][2])
    assert viewer.rows() != rows
