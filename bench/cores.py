"""Which processor core is whose: the server under test has one for itself, the store and the load have the others.

Owns: the division and the affinity of what is started. Leaves to others: what is started.
"""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

DESCRIPTORS = 65_536


def divided() -> tuple[set[int], set[int]]:
    """The server's core and those of the store and the load; the same set twice where there is only one."""
    mine = sorted(os.sched_getaffinity(0) if _all is None else _all)
    return {mine[0]}, set(mine[1:]) or {mine[0]}


@contextmanager
def on(cores: set[int]) -> Iterator[None]:
    """What is started inside runs on these cores for its whole life."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def take_load_cores() -> None:
    """Put this process, and what it starts outside `on`, on the cores of the load, with descriptors for thousands."""
    global _all
    _all = os.sched_getaffinity(0)
    os.sched_setaffinity(0, divided()[1])
    raise_descriptors()


def raise_descriptors() -> int:
    """As many open connections as the system lets this process have, at most DESCRIPTORS; inherited by what it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


_all: set[int] | None = None
