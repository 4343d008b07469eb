"""The simulated world: repeatable, at its rate, and worth watching."""

import unicodedata
from collections.abc import Callable, Iterator
from itertools import islice, pairwise, takewhile

import pytest

from dashboard.core.scores import clean_player, clean_score
from dashboard.demo.world import Play, World


def plays(world: World, until_s: float) -> Iterator[Play]:
    return takewhile(lambda play: play.due_s < until_s, world.plays())


def test_the_same_seed_gives_the_same_course() -> None:
    one, again, other = (list(islice(World(seed, 400, 40).plays(), 3_000)) for seed in (7, 7, 8))
    assert one == again
    assert one != other


def test_the_same_standings_give_the_same_course() -> None:
    had = {World(7, 400, 40).roster[300]: 100_000}
    one, again = (list(islice(World(7, 400, 40, had).plays(), 3_000)) for _ in range(2))
    assert one == again
    assert one != list(islice(World(7, 400, 40).plays(), 3_000))


def test_all_scores_and_names_are_such_as_a_board_takes() -> None:
    for play in islice(World(7, 400, 40).plays(), 20_000):
        assert clean_player(play.player) == play.player
        assert clean_score(play.score) > 0


def test_names_are_different_and_of_several_scripts() -> None:
    roster = World(7, 400, 40).roster
    assert len(set(roster)) == 400
    scripts = {unicodedata.name(letter).split()[0] for name in roster for letter in name if letter.isalpha()}
    assert scripts >= {"LATIN", "CYRILLIC", "GREEK", "HIRAGANA", "CJK", "HANGUL", "ARABIC", "HEBREW", "DEVANAGARI"}


def test_plays_come_in_order_and_new_players_with_them() -> None:
    world = World(7, 400, 40)
    due = [play.due_s for play in plays(world, 600)]
    assert due == sorted(due)
    assert len(world.roster) > 400 + 15


@pytest.mark.parametrize("rate_per_s", [0.5, 40, 1000])
def test_the_rate_has_no_drift(rate_per_s: float) -> None:
    due = [play.due_s for play in islice(World(7, 50, rate_per_s).plays(), 20_000)]
    for number in (2_000, 10_000, 19_999):
        assert due[number] == pytest.approx(number / rate_per_s, abs=24)  # a cycle, not a share


def test_there_are_bursts_and_calm() -> None:
    seconds = [0] * 300
    for play in plays(World(7, 400, 40), 300):
        seconds[int(play.due_s)] += 1
    assert max(seconds) > 2 * 40
    assert sorted(seconds)[150] < 40


def test_good_players_and_weak_ones() -> None:
    totals: dict[str, int] = {}
    for play in plays(World(7, 400, 40), 600):
        totals[play.player] = totals.get(play.player, 0) + play.score
    ordered = sorted(totals.values())
    assert ordered[-1] > 10 * ordered[len(ordered) // 2]


@pytest.mark.parametrize("players", [1, 2, 15, 17])
def test_a_handful_of_players_is_enough(players: int) -> None:
    assert {play.player for play in islice(World(7, players, 40).plays(), 200)} <= set(World(7, players, 40).roster)


class Predictable(World):
    """The control: everybody plays as often as he is good."""

    def _contend(self) -> tuple[str, int]:
        [name] = self._random.choices(self._contenders, range(len(self._contenders), 0, -1))
        return name, round(self._points())


def exciting_share(make: Callable[[], World], from_s: float, windows: int) -> float:
    """Share of 10 s windows in which the order of the top ten changes."""
    totals: dict[str, int] = {}
    tops: list[list[str]] = []
    next_s = from_s
    for play in plays(make(), from_s + 10 * windows + 1):
        if play.due_s >= next_s:
            tops.append(sorted(totals, key=lambda name: (-totals[name], name))[:10])
            next_s += 10
        totals[play.player] = totals.get(play.player, 0) + play.score
    changes = [old != new for old, new in pairwise(tops)]
    assert len(changes) >= windows - 1
    return sum(changes) / len(changes)


def test_the_top_ten_keeps_moving_after_an_hour() -> None:
    assert exciting_share(lambda: World(7, 400, 40), 60, 40) > 0.8
    assert exciting_share(lambda: World(7, 400, 40), 3_600, 40) > 0.8


def test_control_without_streaks_and_pull_it_comes_to_rest() -> None:
    assert exciting_share(lambda: Predictable(7, 400, 40), 3_600, 40) < 0.5
