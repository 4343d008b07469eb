"""The time slider: the page shows what stood then, whatever comes meanwhile, and goes back to now. Football is replayed by
date, and the season of 1974 equals a plain fold over the file.
"""

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from dashboard.store import keys
from tests.browser.conftest import OpenViewer, Viewer
from tests.conftest import ROOT, SHARED, Api, ServerProcess

RESULTS = SHARED / "data" / "results.csv"
LISTED = "document.getElementById('dock-from').innerText !== 'Rewind'"
PAST = "document.documentElement.hasAttribute('data-past') === given"


def let_pass(site: ServerProcess, board: str) -> None:
    """As if what was posted had come a while ago: its bucket has ended."""
    with redis.Redis(unix_socket_path=str(site.data_dir / "store/valkey.sock")) as store:
        store.hincrby(keys.board(board), "bucket", -10)


def said(viewer: Viewer) -> str:
    """What the slider says of where it stands."""
    return viewer.page.get_attribute("#time", "aria-valuetext") or ""


def go_back(viewer: Viewer, *keys: str) -> None:
    """To the slider, and keys, when its stops are there."""
    viewer.page.focus("#time")
    viewer.until(LISTED)
    for key in keys:
        viewer.page.keyboard.press(key)


def test_the_page_shows_what_stood_then_and_goes_back_to_live(
    open_viewer: OpenViewer, site: ServerProcess, site_api: Api, board: str
) -> None:
    site_api.put(f"/boards/{board}", {"rule": "sum"})
    site_api.post(f"/boards/{board}/scores", {"scores": [{"player": "ada", "score": 5}, {"player": "bob", "score": 3}]})
    let_pass(site, board)
    site_api.post(f"/boards/{board}/scores", {"player": "bob", "score": 9})
    then, now = [[1, "ada", 5], [2, "bob", 3]], [[1, "bob", 12], [2, "ada", 5]]

    viewer = open_viewer("/healthz")
    asked: list[str] = []
    viewer.page.on("request", lambda request: asked.append(request.url))
    viewer.open(f"/?board={board}&player=bob").until_rows(now)
    assert [url for url in asked if "/moments" in url or "as_of" in url] == []  # nothing is fetched that nobody wants
    go_back(viewer, "ArrowLeft")
    viewer.until_rows(then)
    assert viewer.text("#pill").startswith("Rewind")
    assert viewer.text("#notice").startswith("The board as it stood at ")
    assert said(viewer).endswith(" ago")
    assert viewer.text("#lead-name") == "ada"

    site_api.post(f"/boards/{board}/scores", {"player": "cyd", "score": 50})
    viewer.until("document.getElementById('just').innerText.includes('cyd')")  # the live frames come and are understood
    assert viewer.rows() == then
    link = viewer.page.url
    assert "&at=20" in link
    other = open_viewer(link.removeprefix(viewer.url))
    other.until_rows(then)

    viewer.page.click("#live")
    now = [[1, "cyd", 50], [2, "bob", 12], [3, "ada", 5]]
    viewer.until_rows(now)
    assert (said(viewer), "at=" in viewer.page.url) == ("Live", False)
    assert viewer.text("#pill").startswith("Live")

    other.page.click("#act")
    other.until_rows(now)
    other.page.click("#play")
    other.until(PAST, True)
    other.until(PAST, False)  # played to the end it is live
    other.until_rows(now)
    assert viewer.wrong + other.wrong == []


Match = tuple[str, str, str, int, int]
YEARS = range(1970, 1981)


def played() -> list[Match]:
    """(date, home, away, goals, goals) of the matches of some years, in the order of the file."""
    with RESULTS.open(encoding="utf-8", newline="") as file:
        return [
            (row["date"], row["home_team"], row["away_team"], int(row["home_score"]), int(row["away_score"]))
            for row in csv.DictReader(file)
            if int(row["date"][:4]) in YEARS and row["home_score"].isdigit()
        ]


def told(matches: list[Match]) -> list[tuple[str, str, int, int]]:
    """Two lines a match: date, team, points (3, 1, 0), and its rating after it (Elo's, from 1500 on)."""
    rating: dict[str, float] = {}
    lines = []
    for date, home, away, ours, theirs in matches:
        won = 3 if ours > theirs else 1 if ours == theirs else 0
        mine, other = rating.get(home, 1500.0), rating.get(away, 1500.0)
        gain = 30 * ({3: 1.0, 1: 0.5, 0: 0.0}[won] - 1 / (1 + 10 ** ((other - mine) / 400)))
        rating[home], rating[away] = mine + gain, other - gain
        lines.append((date, home, won, round(rating[home])))
        lines.append((date, away, {3: 0, 1: 1, 0: 3}[won], round(rating[away])))
    return lines


def season(lines: list[tuple[str, str, int, int]], year: int) -> tuple[list[list[Any]], list[list[Any]]]:
    """The first ten of a year by a plain fold: points, whoever reached them first before; and the last ratings, by name."""
    points: dict[str, tuple[int, str, int]] = {}
    rating: dict[str, int] = {}
    for turn, (date, team, won, rated) in enumerate(lines):
        if int(date[:4]) == year:
            total, reached, place = points.get(team, (0, date, turn))
            points[team] = (total + won, date, turn) if won else (total, reached, place)
            rating[team] = rated
    first = sorted(points.items(), key=lambda row: (-row[1][0], row[1][1], row[1][2]))
    best = sorted(rating.items(), key=lambda row: (row[1], row[0].encode()), reverse=True)
    return (
        [[rank, team, total] for rank, (team, (total, _, _)) in enumerate(first[:10], 1)],
        [[rank, team, rated] for rank, (team, rated) in enumerate(best[:10], 1)],
    )


@pytest.mark.skipif(not RESULTS.is_file(), reason="the results lie beside the checkout, in shared/data")
def test_the_season_of_1974_is_on_the_slider(
    open_viewer: OpenViewer, site: ServerProcess, site_api: Api, tmp_path: Path, board: str
) -> None:
    lines = told(played())
    with (tmp_path / "football.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("date", "team", "points", "rating"), *lines])
    years = {"periods": ["season", "all"], "season": {"cron": "0 0 1 1 *"}}
    boards = {"points": {"rule": "sum", "ties": "first"}, "rating": {"rule": "last"}}
    for column, rules in boards.items():
        site_api.put(f"/boards/{board}-{column}", years | rules)
        words = ["football.csv", "--board", f"{board}-{column}", "--player", "team", "--score", column, "--at", "date"]
        command = [sys.executable, str(ROOT / "run.py"), "import", *words, "--data-dir", str(site.data_dir)]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    points, ratings = season(lines, 1974)

    viewer = open_viewer(f"/?board={board}-points&period=season")
    viewer.until_state("live")
    go_back(viewer, "Home", *["ArrowRight"] * (1974 - YEARS[0]))
    viewer.until_rows(points)
    assert said(viewer) == "1974, final standings"
    assert viewer.text("#notice-word") == "The final standings of 1974."
    viewer.page.keyboard.press("ArrowRight")
    viewer.until_rows(season(lines, 1975)[0])  # control: another year is another table

    other = open_viewer(f"/?board={board}-rating&period=season&at=1974-07-07")  # the day of the final
    other.until_rows(ratings)
    assert viewer.wrong + other.wrong == []
