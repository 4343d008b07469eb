"""The three rate-limit algorithms as their definitions have them: plain Python, exact fractions, no store.

Times are integer microseconds. `state(at)` is (remaining, until more, until whole), `wait(at, n)` how long until n are
free, both in whole microseconds rounded up; `take(at, n)` takes. And the judges, who look at stamps only.
"""

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Protocol


class Gcra:
    """The virtual scheduling algorithm of ITU-T I.371, with the whole count as its tolerance."""

    def __init__(self, count: int, window_us: int) -> None:
        self.window, self.step, self.due = window_us, Fraction(window_us, count), Fraction(0)

    def wait(self, at: int, n: int) -> int:
        return max(0, math.ceil(self._due(at) + n * self.step - self.window - at))

    def state(self, at: int) -> tuple[int, int, int]:
        debt = self._due(at) - at
        left = math.floor((self.window - debt) / self.step)
        return left, self.wait(at, left + 1) if debt else 0, math.ceil(debt)

    def take(self, at: int, n: int) -> None:
        self.due = self._due(at) + n * self.step

    def _due(self, at: int) -> Fraction:
        return max(self.due, Fraction(at))


class Sliding:
    """Whatever was taken counts for exactly one window."""

    def __init__(self, count: int, window_us: int) -> None:
        self.count, self.window, self.taken = count, window_us, list[int]()

    def wait(self, at: int, n: int) -> int:
        live, over = self._live(at), self._used(at) + n - self.count
        return 0 if over <= 0 else live[over - 1] + self.window - at

    def state(self, at: int) -> tuple[int, int, int]:
        live = self._live(at)
        waits = (live[0] + self.window - at, live[-1] + self.window - at) if live else (0, 0)
        return self.count - len(live), *waits

    def take(self, at: int, n: int) -> None:
        self.taken += [at] * n

    def _live(self, at: int) -> list[int]:
        return [then for then in self.taken if then > at - self.window]

    def _used(self, at: int) -> int:
        return len(self._live(at))


class Fixed:
    """A counter whose window begins with its first taker and ends by Redis' expiry, which counts in milliseconds."""

    def __init__(self, count: int, window_us: int) -> None:
        self.count, self.window, self.used, self.end_ms = count, window_us, 0, -1

    def wait(self, at: int, n: int) -> int:
        left, _, until = self.state(at)
        return 0 if n <= left else until

    def state(self, at: int) -> tuple[int, int, int]:
        if at // 1000 > self.end_ms:
            return self.count, 0, 0
        until = 1000 * max(1, self.end_ms - at // 1000)
        return self.count - self.used, until, until

    def take(self, at: int, n: int) -> None:
        if at // 1000 > self.end_ms:
            self.used, self.end_ms = 0, (at + self.window) // 1000
        self.used += n


class Reference(Protocol):
    """What all three can do."""

    def __init__(self, count: int, window_us: int) -> None: ...
    def wait(self, at: int, n: int) -> int: ...
    def state(self, at: int) -> tuple[int, int, int]: ...
    def take(self, at: int, n: int) -> None: ...


REFERENCES: dict[str, type[Reference]] = {"gcra": Gcra, "sliding": Sliding, "fixed": Fixed}


def most_in_any(stamps: Iterable[int], length: int) -> int:
    """The most stamps in any interval [t, t + length)."""
    ordered = sorted(stamps)
    most = start = 0
    for end, stamp in enumerate(ordered):
        while ordered[start] <= stamp - length:
            start += 1
        most = max(most, end - start + 1)
    return most


def most_above_rate(stamps: Iterable[int], count: int, window: int) -> Fraction:
    """The most by which the stamps in any interval exceed its length x count / window: GCRA keeps it <= count."""
    rate = Fraction(count, window)
    least, most = Fraction(0), Fraction(0)
    for index, stamp in enumerate(sorted(stamps)):
        here = index - rate * stamp
        least = here if index == 0 else min(least, here)
        most = max(most, here - least + 1)
    return most


def wrong_decisions(algorithm: str, count: int, window: int, decisions: Sequence[tuple[int, bool]]) -> list[int]:
    """The stamps at which a single one was let through or refused against the definition."""
    reference, wrong = REFERENCES[algorithm](count, window), []
    for at, allowed in sorted(decisions, key=lambda d: (d[0], not d[1])):
        if allowed != (reference.wait(at, 1) == 0):
            wrong.append(at)
        if allowed:
            reference.take(at, 1)
    return wrong
