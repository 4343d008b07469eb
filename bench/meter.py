"""The meter: processor time and memory of one process, as Linux counts them, and what other processes took meanwhile.

Owns: reading /proc. Time is user + system of all threads, in nanoseconds where the kernel keeps them so (schedstat), else
in clock ticks (stat). Memory is what is resident (RSS).
"""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
QUIET_SHARE = 0.04
LOOK_S = 0.2


class Meter:
    """Reads one process. Raises FileNotFoundError where it has ended."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        self._threads: dict[str, int] = {}  # of threads that ended too
        self._fine = sum(self._read_threads().values()) > 0

    def cpu_s(self) -> float:
        """Seconds of processor time so far."""
        if self._fine:
            self._threads |= self._read_threads()
            return sum(self._threads.values()) / 1e9
        words = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / TICKS_PER_S

    def rss_kb(self) -> int:
        """Resident memory, in kB."""
        for line in (self._folder / "status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise FileNotFoundError(self._folder)

    def until_quiet(self, wait: Callable[[float], None], within_s: float = 60.0) -> None:
        """Wait until the process has next to nothing to do. `wait(seconds)` passes the time."""
        deadline, calm, before = time.monotonic() + within_s, 0, self.cpu_s()
        while calm < 2 and time.monotonic() < deadline:
            wait(LOOK_S)
            now = self.cpu_s()
            calm = calm + 1 if now - before < QUIET_SHARE * LOOK_S else 0
            before = now

    def _read_threads(self) -> dict[str, int]:
        found = {}
        for thread in (self._folder / "task").iterdir():
            try:
                found[thread.name] = int((thread / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):  # it ended, or this kernel does not count so
                continue
        return found


class Elsewhere:
    """What other processes took of the machine, from `Elsewhere()` until `share`."""

    def __init__(self) -> None:
        self._since, self._began = self._others_s(), time.monotonic()

    def share(self) -> float:
        """Their part of all cores, 0 to 1. Ask when what was started here has ended: only then is its own time known."""
        whole = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        return max(0.0, self._others_s() - self._since) / whole

    @staticmethod
    def _others_s() -> float:
        words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        user, nice, system, _, _, irq, soft, steal = map(int, words[:8])
        mine = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        busy_s = (user + nice + system + irq + soft + steal) / TICKS_PER_S
        return busy_s - sum(used.ru_utime + used.ru_stime for used in mine)
