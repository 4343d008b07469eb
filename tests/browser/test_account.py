"""Signing in as a viewer does: what one prefers is there in another browser, and revoking there signs out here."""

from tests.browser.conftest import OpenViewer, Viewer
from tests.conftest import Api


def sign_in(viewer: Viewer, name: str) -> None:
    viewer.page.click("#account-open")
    viewer.page.get_by_label("Name").fill(name)
    viewer.page.keyboard.press("Enter")
    viewer.until("document.getElementById('account-word').textContent === given", name)
    viewer.until_state("live")


def test_preferences_follow_and_revoking_there_signs_out_here(
    site_api: Api, board: str, open_viewer: OpenViewer
) -> None:
    site_api.post(
        f"/boards/{board}/scores", {"scores": [{"player": p, "score": s} for p, s in (("ada", 5), ("bob", 3))]}
    )
    here = open_viewer(f"/?board={board}")
    here.until_state("live")
    sign_in(here, "mara")
    with here.page.expect_response(lambda answer: answer.request.method == "PATCH"):
        here.page.click("#theme")  # System -> Light
    with here.page.expect_response(lambda answer: answer.request.method == "PATCH"):
        here.page.click("#rows .row[data-player=bob] button")
    there = open_viewer()
    there.until_state("live")
    sign_in(there, "mara")
    there.until("new URLSearchParams(location.search).get('player') === 'bob'")
    there.until("document.documentElement.dataset.theme === 'light'")
    there.page.click("#account-open")
    there.until("document.querySelectorAll('#sessions li').length === 2")
    there.page.get_by_role("button", name="Revoke").click()
    here.until("document.getElementById('account-word').textContent === 'Sign in'")
    there.until("document.querySelectorAll('#sessions li').length === 1")
    here.until_state("live")
    there.page.get_by_role("button", name="Sign out", exact=True).click()
    there.until("document.getElementById('account-word').textContent === 'Sign in'")
    assert here.wrong == there.wrong == []
