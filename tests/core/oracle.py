"""What a board has to hold and show, step by step, as plain Python lists: slow, short, and without Redis."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dashboard.core.periods import period
from dashboard.values import MAX_SCORE, BoardSettings, PeriodKind, Score, Season, Standing

SEASON = Season("0 6 * * 1", "Europe/Berlin")


def period_id(kind: PeriodKind, at_ms: int) -> str:
    """The period of an instant. A season begins on Mondays at six in Berlin."""
    if kind != "season":
        return period(kind, at_ms).id
    here = datetime.fromtimestamp(at_ms // 1000, ZoneInfo("Europe/Berlin")).replace(tzinfo=None)
    start = (here - timedelta(days=here.weekday())).replace(hour=6, minute=0, second=0)
    start -= timedelta(days=7 * (here < start))
    return f"season:{start.replace(tzinfo=ZoneInfo('Europe/Berlin')).astimezone(UTC):%Y-%m-%dT%H:%M}Z"


@dataclass(frozen=True)
class Run:
    """What a player has in one period. `reached`: the time it was played at, and its turn."""

    score: int
    columns: tuple[int, ...]
    reached: tuple[int, int]
    data: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What one score has to be answered with."""

    score: int | None
    rank: int | None
    before: int | None
    changed: bool
    players: int


@dataclass
class Book:
    """One board. `apart`: who is removed or hidden, with what each had."""

    settings: BoardSettings
    held: dict[str, dict[str, Run]] = field(default_factory=dict)
    apart: dict[str, tuple[str, dict[str, Run]]] = field(default_factory=dict)
    version: int = 0
    turn: int = 0

    def sorted(self, period_id: str) -> list[tuple[str, Run]]:
        """Best first. Ties of the name: as a sorted set has them."""
        rows = list(self.held.get(period_id, {}).items())
        down = self.settings.order == "desc"
        if self.settings.ties == "first":
            rows.sort(key=lambda row: row[1].reached)
        else:
            rows.sort(key=lambda row: row[0].encode(), reverse=down)
        rows.sort(key=lambda row: self.merit(row[1]))
        return rows

    def merit(self, run: Run) -> tuple[int, ...]:
        """The smaller, the better: score, then the columns in turn."""
        orders = [self.settings.order, *(column.order for column in self.settings.columns)]
        return tuple(-v if order == "desc" else v for v, order in zip((run.score, *run.columns), orders, strict=True))

    def rows(self, period_id: str) -> list[Standing]:
        """The ranking, without the time at which a run was reached."""
        found: list[Standing] = []
        merits: list[tuple[int, ...]] = []
        for place, (player, run) in enumerate(self.sorted(period_id), 1):
            rank = place
            if self.settings.ties in ("shared", "dense") and merits and merits[-1] == self.merit(run):
                rank = found[-1].rank
            elif self.settings.ties == "dense":
                rank = found[-1].rank + 1 if found else 1
            merits.append(self.merit(run))
            names = (column.name for column in self.settings.columns)
            found.append(Standing(rank, player, run.score, tuple(zip(names, run.columns, strict=True)), None, run.data))
        return found

    def combine(self, old: Run | None, new: Run) -> Run | None:
        """What a player has then; None where sums stop being exact."""
        score, columns, data = new.score, new.columns, new.data
        if old and self.settings.rule == "sum":
            score += old.score
            columns = tuple(a + b for a, b in zip(old.columns, columns, strict=True))
            data = data or old.data
        if max(map(abs, (score, *columns))) > MAX_SCORE:
            return None
        score = self.bound(score)
        run = Run(score, columns, new.reached, data)
        if old is None:
            return run
        if self.settings.rule == "best" and not self.is_better(run, old):
            return old
        if (score, columns) == (old.score, old.columns):
            return replace(old, data=data)
        if self.settings.rule == "sum":
            return replace(run, reached=(max(run.reached[0], old.reached[0]), run.reached[1]))
        return run

    def bound(self, score: int) -> int:
        """What a player may hold."""
        low, high = self.settings.min, self.settings.max
        return max(-MAX_SCORE if low is None else low, min(MAX_SCORE if high is None else high, score))

    def is_better(self, run: Run, old: Run) -> bool:
        """Whether the rule `best` takes it."""
        return self.merit(run) < self.merit(old)

    def submit(self, score: Score, now_ms: int) -> Outcome | str:
        """Apply one score; what has to be answered, or why it is refused."""
        at_ms = now_ms if score.at_ms is None else score.at_ms
        ids = [period_id(kind, at_ms) for kind in self.settings.periods]
        how, mine = self.apart.get(score.player, ("", {}))
        hidden = how == "hidden"
        olds = {id: mine.get(id) if hidden else self.held.get(id, {}).get(score.player) for id in ids}
        columns = tuple(score.columns[column.name] for column in self.settings.columns)
        given = Run(score.score, columns, (at_ms, self.turn), score.data)
        news: dict[str, Run] = {}
        for id, old in olds.items():
            run = self.combine(old, given)
            if run is None:
                return "range"
            news[id] = run
        first, old = ids[0], olds[ids[0]]
        if score.match != "any" and score.match != (old.score if old else None):
            return "match"
        start = old.score if old else 0 if self.settings.rule == "sum" else news[first].score
        if self.settings.max_step is not None and abs(news[first].score - start) > self.settings.max_step:
            return "step"
        changed = olds != news
        if hidden:
            mine.update(news)
            return Outcome(news[first].score, None, None, changed, len(self.held.get(first, {})))
        before = self.rank(first, score.player)
        for id, run in news.items():
            self.held.setdefault(id, {})[score.player] = run
        self.turn += 1
        self.version += changed
        return Outcome(news[first].score, self.rank(first, score.player), before, changed, len(self.held[first]))

    def rank(self, period_id: str, player: str) -> int | None:
        return next((row.rank for row in self.rows(period_id) if row.player == player), None)

    def remove(self, player: str, how: str) -> bool:
        """Take a player off; whether there was one."""
        was, mine = self.apart.get(player, ("", {}))
        present = {id: held[player] for id, held in self.held.items() if player in held}
        if not present and (how == "hidden" or was != "hidden"):
            return False
        for id in present:
            del self.held[id][player]
        self.apart[player] = (how, {id: self.merge(mine.get(id), present.get(id)) for id in {*mine, *present}})
        self.version += 1
        return True

    def restore(self, player: str) -> bool:
        """Put a player back; whether there was one."""
        if player not in self.apart:
            return False
        for id, run in self.apart.pop(player)[1].items():
            self.held.setdefault(id, {})[player] = self.merge(run, self.held.get(id, {}).get(player))
        self.version += 1
        return True

    def merge(self, earlier: Run | None, later: Run | None) -> Run:
        """One run of two."""
        if earlier is None or later is None or self.settings.rule == "last":
            return later or earlier  # type: ignore[return-value]
        if self.settings.rule == "best":
            return later if self.merit(later) < self.merit(earlier) else earlier
        sums = (a + b for a, b in zip(earlier.columns, later.columns, strict=True))
        columns = tuple(max(-MAX_SCORE, min(MAX_SCORE, value)) for value in sums)
        reached = (max(earlier.reached[0], later.reached[0]), 0)
        return Run(self.bound(earlier.score + later.score), columns, reached, later.data or earlier.data)
