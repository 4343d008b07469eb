"""A request that is to happen once, however often it is sent.

Owns: how it is told from others, and how it says that it came before. Leaves to others: remembering it, which is done
by the script that does what it asks for (`add_entry.lua`, `submit_scores.lua`) or around it (`claims.py`).
"""

from dataclasses import dataclass

from dashboard.errors import IdempotencyConflict

KEPT_MS = 86_400_000
"""So long it is remembered."""


@dataclass(slots=True)
class Once:
    """`digest`: who asks for what with which key, 64 hexadecimal digits. `print`: of the body. `replayed` is set by whoever
    finds that it happened before: the answer is that of then.
    """

    digest: str
    print: str
    replayed: bool = False

    def conflict(self) -> IdempotencyConflict:
        """What is raised where it came before with another body."""
        return IdempotencyConflict("This Idempotency-Key was sent here before with another body: take a new one.")
