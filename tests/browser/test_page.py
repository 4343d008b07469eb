"""The page as one viewer meets it: it loads clean, shows scores by itself, and goes where it is told."""

import shlex
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.browser.conftest import OpenViewer
from tests.conftest import Api

Top = Callable[..., list[list[Any]]]
MOST = 2**53 - 1


def scores(**players: int) -> dict[str, Any]:
    return {"scores": [{"player": player, "score": score} for player, score in players.items()]}


def test_it_loads_without_errors_refusals_or_strange_requests(
    site_api: Api, board: str, open_viewer: OpenViewer
) -> None:
    site_api.post(f"/boards/{board}/scores", scores(ada=5, bob=3))
    viewer = open_viewer(f"/?board={board}")
    viewer.until_state("live")
    viewer.until("['race', 'rate', 'dist'].every((id) => document.querySelector(`#${id} .main-svg`))")
    viewer.until("document.fonts.check('12px Archivo')")
    assert viewer.wrong == []
    assert viewer.page.title() == f"{board} · Scorecast"


def test_control_a_refusal_of_the_policy_is_seen(open_viewer: OpenViewer) -> None:
    viewer = open_viewer()
    viewer.run("() => document.body.append(Object.assign(document.createElement('script'), { textContent: '1' }))")
    viewer.until("true")
    assert any("Content Security Policy" in line for line in viewer.wrong)


def test_the_line_on_an_empty_board_posts_the_first_score(board: str, open_viewer: OpenViewer) -> None:
    viewer = open_viewer(f"/?board={board}", permissions=["clipboard-read", "clipboard-write"])
    viewer.until_state("live")
    viewer.until("!document.getElementById('nothing').hidden")
    viewer.run("() => { window.untouched = true; }")
    viewer.page.get_by_role("button", name="Copy").click()
    viewer.until("document.querySelector('.curl button').textContent === 'Copied'")
    assert viewer.run("() => document.getElementById('say').textContent") == "Copied"

    words = shlex.split(viewer.run("() => navigator.clipboard.readText()").replace("\\\n", " "))
    assert words[:3] == ["curl", "-X", "POST"]
    options = dict(zip(words[4::2], words[5::2], strict=True))
    name, value = options["-H"].split(": ")
    posted = requests.post(words[3], options["-d"], headers={name: value}, timeout=10)
    assert posted.status_code == 200

    viewer.until_rows([[1, "ada", 1200]])
    assert viewer.run("() => window.untouched"), "the page was not loaded again"
    assert viewer.run("() => document.getElementById('nothing').hidden")
    assert viewer.text("#lead-name") == "ada"
    viewer.until("document.querySelector('#dist .main-svg')")
    assert viewer.wrong == []


def test_a_row_says_what_happened_to_it(site_api: Api, board: str, open_viewer: OpenViewer) -> None:
    site_api.put(f"/boards/{board}", {"rule": "sum"})
    site_api.post(f"/boards/{board}/scores", scores(ada=100, bob=50, cy=20))
    viewer = open_viewer(f"/?board={board}")
    viewer.until_rows([[1, "ada", 100], [2, "bob", 50], [3, "cy", 20]])
    viewer.run("""() => { window.slid = 0; const real = Element.prototype.animate;
        Element.prototype.animate = function (frames, options) {
            if (this.matches(".row") && frames[0].transform) window.slid += 1;
            return real.call(this, frames, options); }; }""")
    site_api.post(f"/boards/{board}/scores", scores(cy=60))
    viewer.until_rows([[1, "ada", 100], [2, "cy", 80], [3, "bob", 50]])
    row = "#rows .row[data-player=cy]"
    assert [viewer.text(f"{row} {part}") for part in (".gap", ".last")] == ["20", "+60"]
    assert viewer.run(f"() => document.querySelector('{row} .move').textContent") == "▲1up 1"
    assert viewer.run("() => window.slid") == 2, "both rows slide to their places"
    viewer.until("document.getElementById('just').textContent.includes('cy passes bob')")


def test_removed_rows_and_lower_scores_arrive_too(site_api: Api, board: str, open_viewer: OpenViewer, top: Top) -> None:
    site_api.put(f"/boards/{board}", {"rule": "last", "order": "asc"})
    site_api.post(f"/boards/{board}/scores", scores(**{f"p{i}": i for i in range(12)}))
    viewer = open_viewer(f"/?board={board}")
    viewer.until_rows(top(site_api, board))
    site_api.post(f"/boards/{board}/scores", scores(p11=-5, p0=40))
    rows = top(site_api, board)
    assert rows[0] == [1, "p11", -5]
    viewer.until_rows(rows)


def test_periods_are_the_boards_own_and_the_address_follows(
    site_api: Api, board: str, open_viewer: OpenViewer, top: Top
) -> None:
    site_api.put(f"/boards/{board}", {"rule": "best", "periods": ["day", "all", "week"], "title": "Über board"})
    site_api.post(f"/boards/{board}/scores", scores(ada=1))
    old = {"scores": [{"player": "bob", "score": 9, "at": "2020-01-01T00:00:00Z"}]}
    site_api.put(f"/boards/{board}-2", {"periods": ["day"]})
    site_api.post(f"/boards/{board}-2/scores", scores(cy=3))
    assert "error" in site_api.post(f"/boards/{board}/scores", old)["results"][0], "long closed"

    viewer = open_viewer(f"/?board={board}&period=week")
    viewer.until_rows([[1, "ada", 1]])
    assert viewer.page.locator("#periods label").all_inner_texts() == ["All time", "Week", "Day"]
    assert viewer.page.title() == "Über board · Scorecast"
    assert "week ends in" in viewer.text("#sub")
    viewer.page.get_by_text("Day", exact=True).click()
    viewer.until("location.search.includes('period=day')")
    viewer.until("document.getElementById('sub').textContent.includes('day ends in')")
    viewer.page.select_option("#board-pick", f"{board}-2")
    viewer.until_rows([[1, "cy", 3]])
    assert viewer.page.url.endswith(f"?board={board}-2&period=day")
    viewer.page.go_back()
    viewer.until_rows([[1, "ada", 1]])
    viewer.page.go_back()
    viewer.until("document.querySelector('#periods :checked').value === 'week'")
    assert viewer.wrong == []


def test_an_unknown_period_in_the_address_is_corrected(site_api: Api, board: str, open_viewer: OpenViewer) -> None:
    site_api.put(f"/boards/{board}", {"periods": ["week"]})
    site_api.post(f"/boards/{board}/scores", scores(ada=1))
    viewer = open_viewer(f"/?board={board}&period=fortnight")
    viewer.until_rows([[1, "ada", 1]])
    assert viewer.page.url.endswith(f"?board={board}&period=week")


def test_a_board_that_cannot_be_says_why(open_viewer: OpenViewer) -> None:
    viewer = open_viewer("/?board=no%20such%20name")
    viewer.until_state("error")
    viewer.page.get_by_role("button", name="Details").click()
    assert "422" in viewer.text("#problem-facts")


def test_the_theme_is_remembered_and_there_before_the_first_paint(open_viewer: OpenViewer) -> None:
    viewer = open_viewer(color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = viewer.run(f"() => {background}")
    viewer.until("document.getElementById('theme-word').textContent === 'System'")
    for word in ("Light", "Dark"):
        viewer.page.click("#theme")
        viewer.until("document.getElementById('theme-word').textContent === given", word)
    assert viewer.run(f"() => {background}") != light
    viewer.page.add_init_script("""new MutationObserver((_, seen) => { if (document.body) { seen.disconnect();
        window.first = document.documentElement.dataset.theme; } }).observe(document, { childList: true, subtree: true })""")
    viewer.page.reload()
    assert viewer.run("() => window.first") == "dark"
    viewer.page.emulate_media(color_scheme="dark")
    viewer.page.click("#theme")
    viewer.until("document.getElementById('theme-word').textContent === 'System'")
    assert viewer.run(f"() => {background}") != light, "System follows the system"


@pytest.mark.parametrize("width", [320, 390, 900, 1200, 1920])
def test_nothing_is_cut_off_sideways(site_api: Api, board: str, open_viewer: OpenViewer, width: int) -> None:
    site_api.post(
        f"/boards/{board}/scores", scores(**{f"a player with quite a long name {i}": MOST - i for i in range(12)})
    )
    viewer = open_viewer(
        f"/?board={board}&player=a player with quite a long name 11", viewport={"width": width, "height": 800}
    )
    viewer.until("document.querySelector('#own .row')")
    assert viewer.run("() => document.documentElement.scrollWidth") <= width
    cut = """() => {
        const card = document.getElementById("board").getBoundingClientRect();
        const outside = (box) => box.left < card.left || box.right > card.right;
        return [...document.querySelectorAll("#rows .score, #rows .rank, #lead-score, #own .score")]
            .filter((el) => outside(el.getBoundingClientRect()) || el.scrollWidth > el.clientWidth + 1)
            .map((el) => el.textContent); }"""
    assert viewer.run(cut) == [], "the largest figures are shown whole"


def test_on_a_wide_screen_each_lane_of_the_race_ends_in_its_row(
    site_api: Api, board: str, open_viewer: OpenViewer
) -> None:
    site_api.post(f"/boards/{board}/scores", scores(**{f"p{i}": i for i in range(10)}))
    viewer = open_viewer(f"/?board={board}")
    viewer.until("document.querySelectorAll('#race .trace.scatter path.js-line').length === 10")
    ends = viewer.run("""() => [...document.querySelectorAll("#race .trace.scatter path.js-line")].map((line) => {
        const end = line.getPointAtLength(line.getTotalLength()), m = line.getScreenCTM();
        return m.b * end.x + m.d * end.y + m.f; }).sort((a, b) => a - b)""")
    middles = viewer.run("""() => [...document.querySelectorAll("#rows .row")].map((row) => {
        const box = row.getBoundingClientRect(); return box.top + box.height / 2; })""")
    assert [round(end - middle) for end, middle in zip(ends, middles, strict=True)] == pytest.approx([0] * 10, abs=1)
