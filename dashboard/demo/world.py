"""The simulated world: who plays when, and what they score. No clock and no network: a seed gives one course of events.

Owns: skill, form, bursts, who joins. Leaves to others: names (`names.py`), posting the scores (`show.py`, `clients.py`).

What makes it worth watching: the best are equally skilled, whoever of them falls behind plays more, and one after the
other has a streak that carries them past several others. So the lead changes now and after hours alike.
"""

import math
from bisect import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from dashboard.demo.names import player_names

CONTENDERS = 16
BEST_OTHER = 0.7
"""How often the best of the others plays, a contender being 1; the rest of them less and less."""
PULL = 1500.0
"""A contender who lies so many points behind where he belongs plays e times as often as one who is there."""
APART = 600.0
"""So many points lie between where one contender belongs and the next."""
BURST = 3.0
"""How much more is played in a burst than on average."""
STREAK_PLAYS = 8.0
"""How much more often a contender plays during a streak."""
JOIN_S = 25.0
"""A new player comes this often."""
MOST_PLAYERS = 10_000


@dataclass(frozen=True, slots=True)
class Play:
    """One score. `due_s` counts from the beginning."""

    due_s: float
    player: str
    score: int


class World:
    """Plays without end. The same seed, numbers and `standings` (what the players have already) give the same plays."""

    def __init__(self, seed: int, players: int, rate_per_s: float, standings: Mapping[str, int] | None = None) -> None:
        self._random = Random(seed)
        self._names = player_names(self._random)
        self._rate_per_s = rate_per_s
        self.roster = [next(self._names) for _ in range(players)]
        known = standings or {}
        by_standing = sorted(
            self.roster, key=lambda name: -known.get(name, 0)
        )  # stable: all of equal standing as listed
        self._contenders = by_standing[:CONTENDERS]
        self._totals = {name: known.get(name, 0) for name in self._contenders}
        self._others = by_standing[CONTENDERS:]
        self._skills = [BEST_OTHER * (1 - i / len(self._others)) ** 2.5 for i in range(len(self._others))]
        self._hot = self._contenders[:1]
        self._since_join_s = 0.0

    def plays(self) -> Iterator[Play]:
        """All plays in order of time. `rate_per_s` is kept exactly from cycle to cycle, some 20 s each."""
        start_s, played = 0.0, 0
        while True:
            length_s = self._random.uniform(14, 24)
            wanted = math.floor(self._rate_per_s * (start_s + length_s)) - played
            self._new_streaks()
            self._join(length_s)
            for offset_s in self._times(length_s, wanted):
                player, score = self._play()
                yield Play(start_s + offset_s, player, score)
            start_s, played = start_s + length_s, played + wanted

    def _times(self, length_s: float, plays: int) -> list[float]:
        """When in a cycle they play: one burst, and evenly around it."""
        burst_s = self._random.uniform(1.5, 3.0)
        burst_at_s = self._random.uniform(0, length_s - burst_s)
        extra = (BURST - 1) * burst_s / length_s
        return sorted(
            burst_at_s + self._random.random() * burst_s
            if self._random.random() < extra
            else self._random.random() * length_s
            for _ in range(plays)
        )

    def _play(self) -> tuple[str, int]:
        at = bisect(self._reach, self._random.random() * self._reach[-1])
        if at == 0:
            return self._contend()
        return self._others[at - 1], round(self._points() * (0.4 + 0.6 * self._skills[at - 1]))

    def _contend(self) -> tuple[str, int]:
        field, middle = sum(self._totals.values()) / len(self._totals), (len(self._contenders) - 1) / 2
        weights = [
            math.exp(max(-4.0, min(4.0, (field + APART * (middle - place) - self._totals[name]) / PULL)))
            * (STREAK_PLAYS if name in self._hot else 1.0)
            for place, name in enumerate(self._contenders)
        ]
        [player] = self._random.choices(self._contenders, weights)
        score = round(self._points() * (1.5 if player in self._hot else 1.0))
        self._totals[player] += score
        return player, score

    def _points(self) -> float:
        """Points of one usual play: about 100."""
        return 10 + self._random.gammavariate(4, 22)

    def _new_streaks(self) -> None:
        """Two contenders are hot for a cycle, such as stand behind, and two change places in the order of strength."""
        if len(self._contenders) > 1:
            a, b = self._random.sample(range(len(self._contenders)), k=2)
            self._contenders[a], self._contenders[b] = self._contenders[b], self._contenders[a]
        order = sorted(self._contenders, key=lambda name: self._totals[name])
        self._hot = self._random.sample(order[: max(2, 2 * len(order) // 3)], k=min(2, len(order)))

    def _join(self, length_s: float) -> None:
        self._since_join_s += length_s
        while self._since_join_s >= JOIN_S and len(self.roster) < MOST_PLAYERS:
            self._since_join_s -= JOIN_S
            name = next(self._names)
            self.roster.append(name)
            self._others.append(name)
            self._skills.append(BEST_OTHER * self._random.random())
        # Cumulated: the first share is that of all contenders, then one of each other player.
        self._reach = list(accumulate([float(len(self._contenders)), *self._skills]))
