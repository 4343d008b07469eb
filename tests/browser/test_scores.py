"""Scores as their board writes them, on boards where equal scores share a rank."""

from tests.browser.conftest import OpenViewer, Viewer
from tests.conftest import Api, Start

LAPS = {"ada": 61250, "bob": 62000, "cyd": 62000, "dan": 62000, "eve": 3_601_004}
SETTINGS = {"order": "asc", "ties": "shared", "format": {"kind": "time", "from": "ms"}}
# Cells of the table as text.
TABLE = """() => [...document.querySelectorAll("#rows .row")].map((row) =>
    ["rank", "who", "gap", "last", "score"].map((part) =>
        row.querySelector(`.${part}`).innerText.trim().split("\\n").at(-1)))"""


def table(viewer: Viewer) -> list[list[str]]:
    """The table as it is written: rank, player, gap, last change, score."""
    rows: list[list[str]] = viewer.run(TABLE)
    return rows


def test_times_on_a_board_with_shared_ranks(start_server: Start, open_viewer: OpenViewer, board: str) -> None:
    server = start_server(env={"OPERATOR_KEY": "boss"})
    api = Api(server.url, "boss")
    api.put(f"/boards/{board}", SETTINGS)
    api.post(f"/boards/{board}/scores", {"scores": [{"player": p, "score": s} for p, s in LAPS.items()]})
    viewer = open_viewer(f"/?board={board}", url=server.url)
    viewer.until("rows().length === 5")
    assert table(viewer) == [
        ["1", "ada", "", "", "1:01.250"],
        ["2", "bob", "0:00.750", "", "1:02.000"],
        ["2", "cyd", "0:00.750", "", "1:02.000"],
        ["2", "dan", "0:00.750", "", "1:02.000"],
        ["5", "eve", "58:59.004", "", "1:00:01.004"],
    ]
    assert (viewer.text("#lead-score .sr"), viewer.text("#lead-gap")) == ("1:01.250", "0:00.750")
    viewer.until("document.getElementById('dist')?.data?.[0].customdata.length > 0")
    ticks = viewer.run("() => document.getElementById('dist').layout.xaxis.ticktext")
    assert ticks == ["0:00", "30:00", "1:00:00"]
    viewer.until("document.getElementById('race').data?.length === 5")
    ends = "[line.name.slice(1, -1), line.y.at(-1), line.customdata.at(-1)]"
    assert viewer.run(f"() => document.getElementById('race').data.map((line) => {ends})") == [
        ["ada", 1, 1],
        ["bob", 2, 2],
        ["cyd", 3, 2],
        ["dan", 4, 2],
        ["eve", 5, 5],
    ]

    api.post(f"/boards/{board}/scores", {"player": "eve", "score": 61250})
    viewer.until("rows().map(([rank]) => rank).join() === '1,1,3,3,3'")
    assert table(viewer)[1] == ["1", "eve", "", "−58:59.754", "1:01.250"]
    viewer.until("document.getElementById('just').innerText.includes('draws level with ada')")

    viewer.page.fill("#find", "dan")
    viewer.until("document.querySelector('#found b')?.textContent === '1:02.000'")
    viewer.page.press("#find", "Enter")
    viewer.until("document.querySelector('#rows .me .who')?.innerText.startsWith('dan')")
    assert [row[:2] for row in table(viewer) if row[0] != "1"][:2] == [["3", "bob"], ["3", "cyd"]]

    assert viewer.wrong == []
    assert api.call("DELETE", f"/boards/{board}/players/dan", json={"reason": "look", "hide": True}).json()["hidden"]
    viewer.until("rows().length === 4")
    viewer.until("document.querySelector('#own .score')?.textContent === 'no score yet'")
    assert [row[:2] for row in table(viewer)] == [["1", "ada"], ["1", "eve"], ["3", "bob"], ["3", "cyd"]]
    assert all("404" in line for line in viewer.wrong), "the browser notes what the page has asked, and nothing else"
