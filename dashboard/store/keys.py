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


def runs(name: str, period: str) -> str:
    """Hash player -> what stands before the name in the member, and the data of that score; see `lua/parts/runs.lua`."""
    return f"{ranking(name, period)}:runs"


def levels(name: str, period: str) -> str:
    """Sorted set of the different runs of one period, for ties `dense`."""
    return f"{ranking(name, period)}:levels"


def totals(name: str, period: str) -> str:
    """Sorted set group -> sum or best of its members in one period; of cohorts, their numbers."""
    return f"{ranking(name, period)}:groups"


def members(name: str, period: str, group: str) -> str:
    """Sorted set: the ranking of one group, or cohort, in one period."""
    return f"{ranking(name, period)}:of:{group}"


def member_levels(name: str, period: str, group: str) -> str:
    """Sorted set: the levels of that."""
    return f"{levels(name, period)}:of:{group}"


def cohorts(name: str, period: str) -> str:
    """Hash player -> cohort of one period."""
    return f"{ranking(name, period)}:cohorts"


def groups(name: str) -> str:
    """Hash player -> group, for all periods."""
    return f"{PREFIX}board:{{{name}}}:group"


def merged(name: str, period: str) -> str:
    """Sorted set player -> what the merged boards give; made anew when they changed."""
    return f"{PREFIX}board:{{{name}}}:merged:{period}"


def merged_of(name: str, period: str) -> str:
    """String: of which versions of which boards it was made."""
    return f"{PREFIX}board:{{{name}}}:merged-of:{period}"


def standings(name: str, period: str, key: str | None = None) -> tuple[str, str, str]:
    """The three keys of one period, as scripts take them; `key`: the sorted set that other programs write, if it is that."""
    return key or ranking(name, period), runs(name, period), levels(name, period)


def periods(name: str) -> str:
    """Set of the periods that have a ranking."""
    return f"{PREFIX}board:{{{name}}}:periods"


def unarchived(name: str) -> str:
    """Hash period -> the board's version at the last change, of the rankings that are not archived as they stand."""
    return f"{PREFIX}board:{{{name}}}:unarchived"


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
    """Stream: who removed, hid or restored whom, when and why."""
    return f"{PREFIX}board:{{{name}}}:audit"


def aside(name: str) -> str:
    """Hash player -> what a player had who was removed or hidden."""
    return f"{PREFIX}board:{{{name}}}:aside"


def review(name: str) -> str:
    """Stream: scores that wait for an operator's decision."""
    return f"{PREFIX}board:{{{name}}}:review"


def gains(name: str, life: str, slot: int) -> str:
    """Hash player -> points gained in one span of time; short-lived."""
    return f"{PREFIX}board:{{{name}}}:gains:{life}:{slot}"


def submitted(name: str, id: str) -> str:
    """String: the answer to the score of that id, as long as it is remembered."""
    return f"{PREFIX}board:{{{name}}}:id:{id}"


def answered(name: str, digest: str) -> str:
    """String: the answers to the scores of one request, as long as they are remembered."""
    return f"{PREFIX}board:{{{name}}}:once:{digest}"


def claim(digest: str) -> str:
    """Hash: a request that is to happen once, who is at it, and its answer; ends by itself."""
    return f"{PREFIX}once:{{{digest}}}"


def limit(subject: str, policy: str, algorithm: str) -> str:
    """What a subject has used of a rate limit: a text or, of `sliding`, a list; ends by itself. The subject is in braces:
    a cluster keeps all limits of one subject together. A policy that changes its algorithm starts anew.
    """
    return f"{PREFIX}limit:{{{subject}}}:{policy}:{algorithm}"


def limits_busy(second: int, kind: str) -> str:
    """Sorted set: who took most, or was refused most, of which rate limit in that second; ends by itself."""
    return f"{PREFIX}limits:{{busy}}:{kind}:{second}"


def cached(space: str, id: str) -> str:
    """Hash: a cached value, how long it is good, and who may load it or holds it back."""
    return f"{PREFIX}cache:{{{space}:{id}}}"


def cache_counts(space: str) -> str:
    """Hash: what a cache did in the last minutes, in buckets of some seconds."""
    return f"{PREFIX}cache-counts:{{{space}}}"


# Streams and the workers behind them ----------------------------------------------------------------------------------

PAYMENTS = "payments-stream"
"""Stream: payments to settle. Other programs may write it too: `XADD payments-stream * user 42 amount 99.00`."""

ORDERS = "orders"
"""Pub/sub channel: what happens to orders, as text for people."""


def dead(stream: str) -> str:
    """Stream: the entries of another one that could not be handled, with the error; in that one's slot, bounded."""
    return f"{stream}:dead" if "{" in stream else f"{PREFIX}dead:{{{stream}}}"


def fates(stream: str) -> str:
    """Hash: an entry's id -> the id of its dead letter, or `retried` once it was put back and until it is finished."""
    return f"{stream}:fates" if "{" in stream else f"{PREFIX}fates:{{{stream}}}"


def added(stream: str, digest: str) -> str:
    """Hash: the entry that a request has added to a stream, in that one's slot; ends by itself."""
    return f"{PREFIX}once:{{{stream}}}:{digest}"


def tally(name: str) -> str:
    """Hash: how many score events were counted and missed since the board's first."""
    return f"{PREFIX}board:{{{name}}}:tally"


def tally_minute(name: str, slot: int) -> str:
    """Hash of a ring of them: the score events of one minute, per second and per bin of scores; short-lived."""
    return f"{PREFIX}board:{{{name}}}:tally:{slot}"


def active(name: str) -> str:
    """Sorted set player -> ms of the last score event; trimmed to the last minutes, short-lived."""
    return f"{PREFIX}board:{{{name}}}:active"


LOCKS = f"{PREFIX}locks"
"""Sorted set: name of a lock -> ms when it is surely over. Only for the list of what is held."""


def lock(name: str) -> str:
    """Hash with the time of the lock: token, owner, fence, ttl, since. Absent = free."""
    return f"{PREFIX}lock:{{{name}}}"


def lock_record(name: str) -> str:
    """Hash that outlives the lock by a day: last fence, how often acquired and contended."""
    return f"{PREFIX}lock:{{{name}}}:record"


def lock_waiters(name: str) -> str:
    """Sorted set: token of one who waits -> ms until when."""
    return f"{PREFIX}lock:{{{name}}}:waiters"


def lock_wake(name: str) -> str:
    """List on which those who wait are woken, one at a time."""
    return f"{PREFIX}lock:{{{name}}}:wake"


def redlock(name: str) -> str:
    """String on each of several masters: token of the holder."""
    return f"{PREFIX}redlock:{name}"


TALLY_MINUTES = 6
"""How many minutes the ring of a board's tally holds."""


def tallied(name: str) -> tuple[str, ...]:
    """Every key that counting a board's events makes."""
    ring = (tally_minute(name, slot) for slot in range(TALLY_MINUTES))
    return (fates(events(name)), tally(name), active(name), *ring, dead(events(name)))


# Sessions: all in one slot, so that one script may touch a session and the indexes it stands in -----------------------

SESSIONS_ENDED = f"{PREFIX}sessions-ended"
"""Pub/sub channel: the handle of a session that was ended. A hint: the session's absence is the truth."""


def session(handle: str) -> str:
    """Hash: one session under the digest of its secret id; ends by itself."""
    return f"{PREFIX}{{sessions}}:{handle}"


def sessions_of_role(role: str) -> str:
    """Sorted set: handle -> ms when the session ends unless it is used."""
    return f"{PREFIX}{{sessions}}:role:{role}"


def sessions_of(owner: str) -> str:
    """Sorted set: the same for one owner, e.g. `viewer:ada`."""
    return f"{PREFIX}{{sessions}}:of:{owner}"


def session_kept(owner: str) -> str:
    """Hash: what an owner's next session begins with."""
    return f"{PREFIX}{{sessions}}:kept:{owner}"


SESSION_COUNTS = f"{PREFIX}{{sessions}}:counts"
"""Hash: how many sessions began and ended in the last minutes, in buckets of some seconds."""
