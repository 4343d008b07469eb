"""Finding and following a player."""

from typing import Any

import pytest

from tests.browser.conftest import OpenViewer, Viewer
from tests.conftest import Api

PLAYERS = 1200


@pytest.fixture
def crowded(site_api: Api, board: str) -> str:
    """A board on which player n stands at rank n, more of them than suggestions are made for."""
    everybody = [{"player": f"player-{n}", "score": PLAYERS - n} for n in range(1, PLAYERS + 1)]
    for part in (everybody[:1000], everybody[1000:]):
        site_api.post(f"/boards/{board}/scores", {"scores": part})
    return board


def neighbours(viewer: Viewer) -> list[Any]:
    return [player for _, player, _ in viewer.rows()]


def test_suggestions_are_chosen_with_the_keyboard(crowded: str, open_viewer: OpenViewer) -> None:
    viewer = open_viewer(f"/?board={crowded}")
    viewer.until_state("live")
    keyboard = viewer.page.keyboard
    keyboard.press("/")
    keyboard.type("PLAYER-50")
    viewer.until("document.querySelectorAll('#found [role=option]').length === 6")
    options = "[...document.querySelectorAll('#found [role=option]')].map((el) => el.children[1].textContent)"
    assert viewer.run(f"() => {options}") == ["player-50", *(f"player-{n}" for n in range(500, 505))]
    keyboard.press("ArrowDown")
    keyboard.press("ArrowDown")
    keyboard.press("ArrowUp")
    assert viewer.text("#found [aria-selected=true] .found-name") == "player-500"
    active = viewer.page.get_attribute("#find", "aria-activedescendant")
    assert viewer.text(f"#{active} .found-name") == "player-500"
    keyboard.press("Enter")
    viewer.until("rows().length === 11 && rows()[5][1] === 'player-500'")
    assert neighbours(viewer) == [f"player-{n}" for n in range(495, 506)]
    assert viewer.text("#view-word") == "Around player-500"
    focused = "document.activeElement.closest('.row')?.dataset.player + ' ' + !!document.activeElement.closest('#own')"
    assert viewer.run(f"() => {focused}") == "player-500 false", "the focus goes with the viewer"
    assert viewer.page.url.endswith("&player=player-500")
    keyboard.press("Escape")
    viewer.until("rows()[0][0] === 1 && rows().length === 10")
    viewer.until("document.querySelector('#own .row')?.dataset.player === 'player-500'")
    assert viewer.text("#own .rank") == "500"
    assert viewer.run(f"() => {focused}") == "player-500 true", "and comes back"
    assert viewer.wrong == []


def test_anybody_is_found_by_the_exact_name_and_nobody_by_a_wrong_one(crowded: str, open_viewer: OpenViewer) -> None:
    viewer = open_viewer(f"/?board={crowded}")
    viewer.until_state("live")
    viewer.page.fill("#find", f"player-{PLAYERS}")
    viewer.until(
        "document.querySelector('#found [role=option] .found-name')?.textContent === given", f"player-{PLAYERS}"
    )
    viewer.page.press("#find", "Enter")
    viewer.until("rows().at(-1)?.[1] === given", f"player-{PLAYERS}")
    assert neighbours(viewer) == [f"player-{n}" for n in range(PLAYERS - 10, PLAYERS + 1)]
    viewer.page.fill("#find", "<b>zzq")
    viewer.until("document.querySelector('#found .none')?.textContent.startsWith('No player')")
    assert viewer.text("#found") == "No player starts with “<b>zzq” on this board."
    viewer.page.press("#find", "Escape")
    assert viewer.page.input_value("#find") == ""
    assert viewer.wrong == []


def test_the_neighbourhood_moves_with_the_player(crowded: str, site_api: Api, open_viewer: OpenViewer) -> None:
    viewer = open_viewer(f"/?board={crowded}&player=player-700")
    viewer.page.click("#own .who button")
    viewer.until("rows()[5]?.[0] === 700")
    rank = site_api.post(f"/boards/{crowded}/scores", {"player": "player-700", "score": PLAYERS - 20})["rank"]
    assert rank in (20, 21)
    viewer.until("rows().find((row) => row[1] === 'player-700')?.[0] === given", rank)
    viewer.until("document.getElementById('dist-now').textContent.startsWith('Top')")


def test_questions_about_the_neighbourhood_keep_to_one_a_second(
    crowded: str, site_api: Api, open_viewer: OpenViewer
) -> None:
    viewer = open_viewer(f"/?board={crowded}&player=player-900")
    viewer.until("document.querySelector('#own .row')")
    asked: list[str] = []
    viewer.page.on("request", lambda request: asked.append(request.url) if "/around" in request.url else None)
    begun = viewer.run("() => performance.now()")
    for n in range(300):
        site_api.post(f"/boards/{crowded}/scores", {"player": "player-900", "score": 300 + n})
    viewer.until("document.querySelector('#own .score')?.textContent === '599'")
    seconds = (viewer.run("() => performance.now()") - begun) / 1000
    assert 1 <= len(asked) <= seconds + 2


def test_a_followed_player_is_kept_and_can_be_let_go(crowded: str, open_viewer: OpenViewer) -> None:
    viewer = open_viewer(f"/?board={crowded}")
    viewer.page.fill("#find", "player-33")
    viewer.page.press("#find", "Enter")
    viewer.until("rows()[5]?.[1] === 'player-33'")
    viewer.open(f"/?board={crowded}")
    viewer.until("document.querySelector('#own .row')?.dataset.player === 'player-33'")
    assert viewer.page.url.endswith("&player=player-33")
    viewer.page.click("#own .drop")
    viewer.until("!document.querySelector('#own .row')")
    viewer.open(f"/?board={crowded}")
    viewer.until_state("live")
    assert "player=" not in viewer.page.url


def test_a_player_without_a_score_waits_in_the_row_and_appears_by_itself(
    crowded: str, site_api: Api, open_viewer: OpenViewer
) -> None:
    viewer = open_viewer(f"/?board={crowded}&player=newcomer")
    viewer.until("document.querySelector('#own .score')?.textContent === 'no score yet'")
    site_api.post(f"/boards/{crowded}/scores", {"player": "newcomer", "score": 5})
    viewer.until("document.querySelector('#own .score')?.textContent === '5'")
    assert viewer.wrong == []
