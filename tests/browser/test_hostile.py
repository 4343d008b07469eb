"""Names are whatever players choose; none may run, break out of its row, or be lost."""

from typing import Any

import pytest

from tests.browser.conftest import OpenViewer
from tests.conftest import Api

MOST = 2**53 - 1
NAMES = [
    "<img src=x onerror=\"document.title='run'\">",
    "<b>bold</b><a href='javascript:alert(1)'>x</a>",
    "'\"; DROP TABLE players; --",
    "%{x} %{fullData.name} $\\alpha$ &lt;br&gt;<br>",
    "محمد العربي الطويل جدا جدا جدا جدا جدا جدا جدا جدا",
    "\u202eevil \u202d mirror \u2066",
    "👩‍🚀👨‍👩‍👧‍👦🏳️‍🌈🦄",
    "Z̷͑̽" * 25,
    "W" * 128,
    "a/b?c=d&e#f%20+",
    "..",
    "__proto__",
]


@pytest.fixture
def hostile(site_api: Api, board: str) -> str:
    site_api.put(f"/boards/{board}", {"title": "<i>Cup</i> & <script>1</script>", "unit": "<u>kg</u>"})
    batch = [{"player": name, "score": MOST - n} for n, name in enumerate(NAMES)]
    results = site_api.post(f"/boards/{board}/scores", {"scores": [*batch, {"player": "least", "score": -MOST}]})[
        "results"
    ]
    assert [result for result in results if "error" in result] == []
    return board


def names(site_api: Api, board: str) -> list[Any]:
    return [
        [row["rank"], row["player"], row["score"]] for row in site_api.get(f"/boards/{board}/top", limit=10)["rows"]
    ]


@pytest.mark.parametrize("width", [390, 1440])
def test_every_name_is_text_in_a_row_of_its_own(
    hostile: str, site_api: Api, open_viewer: OpenViewer, width: int
) -> None:
    viewer = open_viewer(f"/?board={hostile}&player=__proto__", viewport={"width": width, "height": 800})
    viewer.until_rows(names(site_api, hostile))
    viewer.until("document.querySelector('#race .main-svg')")
    shown = viewer.run("() => [...document.querySelectorAll('#rows .who button')].map((el) => el.textContent)")
    assert shown == [player for _, player, _ in names(site_api, hostile)]
    strange = "main :is(img, script, a, b > *, i b, u, em > :not(bdi)), option *"
    assert viewer.run(f"() => [...document.querySelectorAll('{strange}')].map((el) => el.outerHTML)") == []
    heights = viewer.run(
        "() => [...document.querySelectorAll('.rows .row')].map((el) => el.getBoundingClientRect().height)"
    )
    assert len(set(heights)) == 1
    assert viewer.run("() => document.documentElement.scrollWidth") <= width
    assert viewer.page.title() == "<i>Cup</i> & <script>1</script> · Scorecast"
    assert viewer.wrong == []


def test_the_race_names_its_lines_in_plain_text(hostile: str, open_viewer: OpenViewer) -> None:
    viewer = open_viewer(f"/?board={hostile}", viewport={"width": 390, "height": 800})
    viewer.until("document.querySelectorAll('#race .annotation-text').length === 10")
    labels = viewer.run("() => [...document.querySelectorAll('#race .annotation-text')].map((el) => el.textContent)")
    assert labels[0].startswith("\u2068<img src=x")
    assert labels[1].startswith("\u2068<b>bold</b>")
    assert labels[3].startswith("\u2068%{x} %{fullData")
    assert viewer.run("() => document.querySelectorAll('#race a').length") == 0
    assert viewer.wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_every_name_can_be_followed_by_its_address(
    hostile: str, site_api: Api, open_viewer: OpenViewer, name: str
) -> None:
    player = next(
        row["player"]
        for row in site_api.get(f"/boards/{hostile}/top", limit=20)["rows"]
        if row["score"] == MOST - NAMES.index(name)
    )
    viewer = open_viewer(f"/?board={hostile}")
    viewer.until_state("live")
    viewer.page.fill("#find", name)
    viewer.until("document.querySelector('#found [role=option] .found-name')?.textContent === given", player)
    viewer.page.press("#find", "Enter")
    viewer.until(
        "document.querySelector('.ground').classList.contains('apart') && rows().some((row) => row[1] === given)",
        player,
    )
    viewer.page.reload()
    viewer.until("document.querySelector('#own .row .score')?.textContent === given", f"{MOST - NAMES.index(name):,}")
    assert viewer.wrong == []


def test_the_least_and_the_largest_score_are_exact(hostile: str, open_viewer: OpenViewer) -> None:
    viewer = open_viewer(f"/?board={hostile}&player=least")
    viewer.until("document.querySelector('#own .score')?.textContent === given", f"-{MOST:,}")
    assert viewer.run("() => document.querySelector('#lead-score .sr').textContent") == f"{MOST:,}"
