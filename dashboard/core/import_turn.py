"""Whose turn an import is: one importer of a file and board at a time.

Owns: the lock's name and length, telling a holder that works from one that was killed. Leaves to others: the lock
(`store/lock.py`), and counting each row once, which needs no lock (`imports.py`).
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256

from dashboard.errors import LockHeld
from dashboard.store.lock import Held, Locks

TTL_S = 2.0
"""Short, since whoever goes on after a kill waits for it; what a late renewal would let in, the mark refuses."""
ASK_S = 0.25


def lock_name(board: str, id: str) -> str:
    """The lock of an import: of what is read, and of the board on which it goes."""
    return f"import:{sha256(f'{board} {id}'.encode()).hexdigest()[:32]}"


@contextmanager
def import_turn(
    locks: Locks, board: str, id: str, wait_s: Callable[[float], object], on_wait: Callable[[str], object]
) -> Iterator[Held]:
    """Hold the import's lock, renewed, until the block ends. A holder that was killed is waited for, TTL_S at most.

    Raises LockHeld, naming the holder, as soon as the lock is seen to be renewed; StoreUnavailable. Two round trips
    where it is free, else three each ASK_S.
    """
    name, ends_in_ms = lock_name(board, id), 0
    with ExitStack() as stack:
        while True:
            try:
                held = stack.enter_context(locks.hold(name, ttl_s=TTL_S))
                break
            except LockHeld as error:
                left_ms = int(error.evidence["retry_after_ms"])
                owner = locks.owner(name) or "another import"
                if ends_in_ms and left_ms >= ends_in_ms:
                    raise LockHeld(f"{owner} is importing this file to this board.", retry_after_ms=left_ms) from error
                on_wait(f"{owner} was importing this file to this board.")
                ends_in_ms = left_ms
                wait_s(ASK_S)
        yield held
