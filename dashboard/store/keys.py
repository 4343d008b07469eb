"""The name of every key and channel. Nothing else in the project writes a key's name; `docs/keys.md` explains each.

All keys of one board carry its name in braces, so that a cluster keeps them in one slot and one script may touch them all.
"""

PREFIX = "sc:"

BOARDS = f"{PREFIX}boards"
"""Set of the names of all boards."""

CHANGED = f"{PREFIX}changed"
"""Pub/sub channel: the name of a board that changed. A doorbell, not the truth: the board's version is."""


def board(name: str) -> str:
    """Hash: settings, revision, version, position, players of the open bucket."""
    return f"{PREFIX}board:{{{name}}}"


def ranking(name: str, period: str) -> str:
    """Sorted set player -> score of one period, e.g. `all` or `day:2026-11-23`."""
    return f"{PREFIX}board:{{{name}}}:rank:{period}"


def periods(name: str) -> str:
    """Set of the periods that have a ranking."""
    return f"{PREFIX}board:{{{name}}}:periods"


def events(name: str) -> str:
    """Stream: one entry per accepted score and per removal, bounded."""
    return f"{PREFIX}board:{{{name}}}:events"


def history(name: str) -> str:
    """Stream: one entry per bucket of some seconds in which scores came, with the top ten at its end, bounded."""
    return f"{PREFIX}board:{{{name}}}:history"


def marks(name: str) -> str:
    """Hash import id -> place reached."""
    return f"{PREFIX}board:{{{name}}}:marks"


def audit(name: str) -> str:
    """Stream: who removed whom, when and why."""
    return f"{PREFIX}board:{{{name}}}:audit"


def limit(subject: str, policy: str) -> str:
    """What a subject has used of a rate limit: a text or a list, by the policy's algorithm; ends by itself. The subject
    is in braces: a cluster keeps all limits of one subject together.
    """
    return f"{PREFIX}limit:{{{subject}}}:{policy}"


def limits_busy(second: int, kind: str) -> str:
    """Sorted set: who took most, or was refused most, of which rate limit in that second; ends by itself."""
    return f"{PREFIX}limits:{{busy}}:{kind}:{second}"
