"""The stage: what every measurement is given: the loop, how long, how many rounds, servers, a line to say how far it is.

Owns: interleaving. Leaves to others: what is measured.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bench.loop import Loop
from bench.servers import Server
from bench.table import OURS


@dataclass(frozen=True, slots=True)
class Stage:
    """`rounds` of `seconds` each per server. `peers`: which may be measured beside ours. `quick` leaves out what takes long."""

    loop: Loop
    rounds: int
    seconds: float
    quick: bool
    peers: frozenset[str]
    say: Callable[[str], None]

    def server(self, name: str, *flags: str, tick_ms: int = 100) -> Server:
        """A server that does what its peers do: ours without the workers on streams, which they do not have."""
        return Server(name, *(("--workers", "0") if name == OURS else ()), *flags, tick_ms=tick_ms)

    def whole(self, *flags: str, tick_ms: int = 100) -> Server:
        """Ours as it is shipped."""
        return Server(OURS, *flags, tick_ms=tick_ms)

    def present(self, *peers: str) -> Iterator[str]:
        """Ours, and those of these peers that are measured."""
        yield OURS
        yield from (peer for peer in peers if peer in self.peers)

    def interleaved(self, what: str, rounds: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
        """A B C A B C ...: one figure per server and round."""
        values: dict[str, list[float]] = {name: [] for name in rounds}
        for n in range(1, self.rounds + 1):
            for name, run in rounds.items():
                self.say(f"{what}: round {n} of {self.rounds}, {name}")
                values[name].append(run())
        return values

    def write_while(self, write: Callable[[int], None], hz: float, seconds: float, first: int) -> int:
        """Call `write(n)` so often, serving the loop meanwhile; the next n."""
        start, n = time.perf_counter(), first
        while (now := time.perf_counter()) < start + seconds:
            write(n)
            n += 1
            self.loop.run(max(0.0, start + (n - first) / hz - now))
        return n
