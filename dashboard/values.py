"""The frozen values that travel between rooms. No behaviour beyond what they can say of themselves.

Scores are integers within +-MAX_SCORE; times are integer epoch milliseconds (UTC) with the suffix `_ms`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

MAX_SCORE = 2**53 - 1
"""The largest integer that a Redis score (an IEEE 754 double) holds exactly together with all its neighbours."""

Order = Literal["desc", "asc"]
Rule = Literal["best", "last", "sum"]
Ties = Literal["plain", "first", "shared", "dense"]
CalendarKind = Literal["all", "hour", "day", "week", "month"]
PeriodKind = Literal[CalendarKind, "season"]


@dataclass(frozen=True, slots=True)
class Column:
    """An extra figure that orders equal scores; of several the first one counts first."""

    name: str
    order: Order = "desc"


@dataclass(frozen=True, slots=True)
class Review:
    """Which scores wait for an operator: those `above` or `below` a bound, and those with which a player would gain more
    than `gain` points in `per_s` seconds.
    """

    above: int | None = None
    below: int | None = None
    gain: int | None = None
    per_s: int = 60


@dataclass(frozen=True, slots=True)
class Season:
    """When a board's seasons begin: by a cron expression in a zone of the IANA database, or (None) by hand."""

    cron: str | None = None
    zone: str = "UTC"

    def as_dict(self) -> dict[str, Any]:
        """As it stands in a board's settings."""
        return {"manual": True} if self.cron is None else {"cron": self.cron, "zone": self.zone}


@dataclass(frozen=True, slots=True)
class ScoreFormat:
    """How the page writes scores: as `points`, as a `time` that they count in `ms` or `s` (`source`), or as `money`, of
    which they are minor units: 1234 is 12.34 with 2 `decimals`.
    """

    kind: Literal["points", "time", "money"] = "points"
    source: Literal["ms", "s"] = "ms"
    currency: str | None = None
    decimals: int = 2

    def as_dict(self) -> dict[str, Any]:
        """As it stands in a board's settings."""
        if self.kind == "time":
            return {"kind": "time", "from": self.source}
        if self.kind == "money":
            return {"kind": "money", "currency": self.currency, "decimals": self.decimals}
        return {"kind": "points"}


@dataclass(frozen=True, slots=True)
class Source:
    """A board that is merged, its scores times `weight`."""

    board: str
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Merge:
    """What a merged board is made of. `how`: of the players of any board, or of those on all of them; `aggregate`: what
    becomes of the scores that one has.
    """

    boards: tuple[Source, ...]
    how: Literal["union", "intersection"] = "union"
    aggregate: Literal["sum", "min", "max"] = "sum"


@dataclass(frozen=True, slots=True)
class BoardSettings:
    """How a board ranks. `late_s`: seconds after a period's end in which scores for it are still taken. `keep`: how
    many lengths of a period its ranking stays readable after the period ended. `min` and `max`: between them lies what a
    player holds. `max_step`: by so much one score may change what a player holds. `id_s`: so long an answer is remembered
    for the score's id. `writers`: who may post scores. `key`: the sorted set in Redis that is the ranking, which other
    programs write too. `season`: when seasons begin, where `periods` has them. `format`: how scores are written.
    `groups`: what a group has, the sum of its members or the best of them. `cohorts`: how many players fill one.
    `half_life_s`: in so long what a player holds halves. `merge`: of which boards this one is made.
    `shards`: over how many sorted sets its players are spread.
    `of`: in a shard, the life of its board.
    """

    order: Order = "desc"
    rule: Rule = "best"
    ties: Ties = "plain"
    periods: tuple[PeriodKind, ...] = ("all",)
    late_s: int = 3600
    keep: int = 12
    title: str | None = None
    unit: str | None = None
    columns: tuple[Column, ...] = ()
    min: int | None = None
    max: int | None = None
    max_step: int | None = None
    review: Review | None = None
    writers: Literal["clients", "operators"] = "clients"
    id_s: int = 86_400
    key: str | None = None
    season: Season | None = None
    half_life_s: int | None = None
    format: ScoreFormat = ScoreFormat()
    groups: Literal["sum", "best"] | None = None
    cohorts: int | None = None
    merge: Merge | None = None
    shards: int | None = None
    of: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As PUT takes them: what is not set is left out."""
        settings = {name: value for name, value in asdict(self).items() if value is not None}
        if self.season is not None:
            settings["season"] = self.season.as_dict()
        return settings | {"format": self.format.as_dict()}


@dataclass(frozen=True, slots=True)
class Board:
    """A board as stored. `revision` changes with every change of its settings, every season begun by hand and every new
    life of its name; `life` is the revision since which it ranks as it does. `seasons`: when each season but the first was
    begun by hand. Where they were asked for: `players` in the first period, `season_ends_ms` of the running season (None:
    nobody knows).
    """

    name: str
    settings: BoardSettings
    revision: str
    life: str = ""
    seasons: tuple[int, ...] = ()
    players: int = 0
    season_ends_ms: int | None = None


class Score(NamedTuple):
    """One score as a game client posts it. `at_ms` is when it was played; None means now. `id` makes it count once
    however often it is sent. `match`: only if the player holds that score (None: holds none). `data`: JSON that goes with
    it. `approved`: the entry in the review stream that this was.
    """

    player: str
    score: int
    at_ms: int | None = None
    columns: Mapping[str, int] = {}
    id: str | None = None
    match: int | Literal["any"] | None = "any"
    data: str | None = None
    approved: str | None = None


class Result(NamedTuple):
    """What one score did. `score` is what the board now holds for the player, None for nothing; ranks count from 1, None
    for a player who is not shown; `position` is the id of the event in the board's stream. Rank and players are those of
    the board's first period. `review`: it waits for an operator under that id, and did nothing yet.
    """

    player: str
    score: int | None
    rank: int | None
    previous_rank: int | None
    changed: bool
    players: int
    position: str
    review: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """An import's place, moved from `expected` to `next` in the same script that applies a batch ('' = not begun)."""

    id: str
    expected: str
    next: str


class Standing(NamedTuple):
    """A player's row: `rank` counts from 1. `columns` in the board's order; `at`: when it was reached, RFC 3339, where the
    board knows (ties `first`); `data`: the JSON that came with the score. Only other programs write scores that are not
    whole.
    """

    rank: int
    player: str
    score: int
    columns: tuple[tuple[str, int], ...] = ()
    at: str | None = None
    data: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The row as it goes over the wire."""
        row: dict[str, Any] = {"rank": self.rank, "player": self.player, "score": self.score}
        if self.columns:
            row["columns"] = dict(self.columns)
        if self.at is not None:
            row["at"] = self.at
        if self.data is not None:
            row["data"] = json.loads(self.data)
        return row


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a board as they stood at `version`. `next` continues where the rows end; None at the board's end."""

    board: str
    period: str
    players: int
    version: int
    rows: tuple[Standing, ...]
    next: str | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pulse:
    """What happened on a board in one bucket of `STEP_S` seconds: how many scores came, and the top ten at its end."""

    at_ms: int
    scores: int
    rows: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class Distribution:
    """Players by score: counts[i] players hold a score in [start + i*width, start + (i+1)*width)."""

    start: int
    width: int
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RateDecision:
    """What one quota said of one claim, and how it stands after it. `remaining` can be taken at once; in `more_s` seconds
    there will be more, in `reset_s` all of it (both 0 where nothing is used). `retry_after_s`: when what was asked for
    will be there, 0 if it was allowed, None if never. `at_us`: Redis' time of the decision, epoch microseconds.
    """

    policy: str
    limit: int
    window_s: int
    remaining: int
    more_s: float
    reset_s: float
    retry_after_s: float | None
    allowed: bool
    subject: str
    at_us: int


Status = Literal["hit", "stale", "spare", "miss", "collapsed", "bypass"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a cache answered; `value` is None where the source has nothing.

    `status`: `hit` (cached and fresh), `stale` (cached, somebody refreshes it), `spare` (cached and old, because the
    source fails), `miss` (loaded), `collapsed` (loaded by somebody for all who waited), `bypass` (loaded, Redis is away).
    `fresh_s`: for how long it is fresh, below 0 where it is not, None where it is not stored.
    """

    value: bytes | None
    status: Status
    age_s: float = 0.0
    fresh_s: float | None = None

    @property
    def from_cache(self) -> bool:
        return self.status in ("hit", "stale", "spare")


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment to settle. `hundredths` is the amount: 9900 for 99.00."""

    user: str
    hundredths: int
    currency: str | None = None
    order: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """A payment in the ledger. `fence` is that of the lock under which it was settled."""

    payment: Payment
    fence: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a user besides the id. `joined` is a date, YYYY-MM-DD."""

    name: str
    username: str
    email: str | None = None
    city: str | None = None
    country: str | None = None
    joined: str | None = None
