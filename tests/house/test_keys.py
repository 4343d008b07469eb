"""`docs/keys.md` is what Redis holds after a full use, and `store/keys.py` is the one place that makes names."""

import inspect
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dashboard.config import Settings
from dashboard.core.imports import Importer, Job, Watch
from dashboard.core.limits import Caller
from dashboard.core.mappings import Mapping
from dashboard.core.payments import GROUP as PAYMENTS_GROUP
from dashboard.live.crew import Crew
from dashboard.parts import Parts, open_parts
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.once import Once
from dashboard.store.redlock import Redlock
from dashboard.values import BoardSettings, Column, Merge, Payment, Result, Review, Score, Season, Source
from tests.core.times import DAY_MS, archiving_at, away_from_midnight, store_ms

ROOT = Path(__file__).parents[2]
KEY_ROWS = ("| `sc:", f"| `{keys.PAYMENTS}`")
SCRIPTS = frozenset(path.stem for path in (ROOT / "dashboard" / "store" / "lua").glob("*.lua"))
PLACES = {
    "SPACE:ID": "[a-z]+:[^}]+",
    "SPACE": "[a-z-]+",
    "SUBJECT": "[^}]+",
    "POLICY": "[^:]+",
    "ALGORITHM": "(?:gcra|sliding|fixed)",
    "KIND": "(?:allowed|refused)",
    "SECOND": "[0-9]+",
    "SLOT": "[0-9]+",
    "LIFE": "[0-9a-f]{12}",
    "HANDLE": "[0-9a-f]{64}",
    "DIGEST": "[0-9a-f]{64}",
    "ROLE": "(?:viewer|operator)",
    "OWNER": "(?:viewer|operator):.+",
    "STREAM": "[^}]+",
    "NAME": r"[A-Za-z0-9][A-Za-z0-9:_.-]{0,63}",
    "ID": "[ -~]+",
    "GROUP": ".+",
    "PERIOD": r"(?:all|hour:[0-9T-]+|day:[0-9-]+|week:[0-9W-]+|month:[0-9-]+|season:[0-9TZ:-]+)",
}


@dataclass(frozen=True)
class Row:
    """A row of the table. `fields` are those written in backticks; None where the names vary without end."""

    pattern: str
    kind: str
    fields: frozenset[str] | None
    life: str
    written: tuple[str, ...]
    read: tuple[str, ...]
    scripts: frozenset[str]

    def matches(self, key: str) -> bool:
        expression = re.escape(self.pattern)
        for place, form in PLACES.items():
            expression = expression.replace(place, form)
        return re.fullmatch(expression, key) is not None


def table() -> list[Row]:
    lines = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith(KEY_ROWS)]
    rows = []
    for key, kind, holds, life, written, read, purpose in cells:
        assert purpose
        words = re.findall(r"`([^`]+)`", holds) + (["PERIOD"] if "PERIOD" in holds else [])
        rows.append(
            Row(
                key.strip("`"),
                kind,
                frozenset(words) if "`" in holds else None,
                life,
                tuple(re.findall(r"`([^`]+)`", written)),
                tuple(re.findall(r"`([^`]+)`", read)),
                SCRIPTS if "every script" in read else SCRIPTS & set(re.findall(r"`(\w+).lua`", written + read)),
            )
        )
    return rows


TABLE = table()
STORED = [row for row in TABLE if row.kind != "channel"]


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A fresh store after a full use of everything that writes."""
    folder = tmp_path_factory.mktemp("k")
    limits = "score:5/minute/address, login:5/minute/address/sliding, user:5/minute/address/fixed"
    with open_parts(Settings(_env_file=None, data_dir=folder, rate_limits=limits)) as parts:  # type: ignore[call-arg]
        use_everything(parts, folder)
        use_the_toolbox(parts)
        yield parts.client


def use_everything(parts: Parts, folder: Path) -> None:
    """Every feature of the core once: what writes on two boards, one of them deleted, and what only reads."""
    away_from_midnight(parts.client)
    for board in ("arena", "gone:a.b"):
        settings = BoardSettings(rule="sum", periods=("all", "day", "week", "month"), late_s=3 * DAY_MS // 1000)
        parts.boards.put(board, settings)
        now = store_ms(parts.client)
        results = parts.scores.submit(board, [Score("a", 1), Score("b", 2), Score("late", 3, now - 2 * DAY_MS)])
        assert all(isinstance(result, Result) for result in results)
        file = folder / "rows.csv"
        file.write_text("player,score,at\na,5,1970-01-01\nc,6,2026-01-01\nd,no,\n")
        job = Job(file, board, Mapping("player", "score", "at", ()), report=folder / f"{board[0]}.csv")
        importer = Importer(parts.boards, parts.scores, parts.locks, lambda: 0.0, lambda _: None)
        assert importer.run(job, Watch()).place.applied == 2
        parts.client.hset(keys.board(board), "bucket", 1)  # as if time had passed since
        parts.scores.submit(board, [Score("a", 1)])
        parts.removals.remove(board, "b", reason="cheated", by="operator")
        for kind in settings.periods:
            cursor = parts.rankings.top(board, kind, limit=1).next
            parts.rankings.top(board, kind, limit=1, cursor=cursor)
            parts.rankings.around(board, "a", kind)
            parts.rankings.player(board, "a", kind)
            parts.rankings.standings(board, ["a", "nobody"], kind)
            parts.rankings.distribution(board, kind)
            parts.rankings.snapshots([(parts.boards.get(board), f"{kind}:x", 10)])
            parts.analytics.history(board, kind, from_ms=0)
        parts.boards.versions([board, "nobody's"])
        parts.boards.fresh(board)
        parts.boards.all()
    use_columns_and_review(parts)
    use_seasons(parts)
    use_groups(parts)
    parts.scores.submit("made-by-a-score", [Score("a", 1)])
    parts.boards.delete("gone:a.b")
    archiving_at(parts, 50 * DAY_MS).archive_due()
    for board in ("arena", "manual"):
        parts.scores.submit(board, [Score("a", 1)])  # into what is archived by now


def use_columns_and_review(parts: Parts) -> None:
    """A board with all that its keys can hold: prefixes, data, ids, players set aside, scores in review."""
    settings = BoardSettings(
        periods=("all", "hour"), ties="dense", columns=(Column("time", "asc"),), review=Review(above=100, gain=50)
    )
    parts.boards.put("columns", settings)
    scores = [Score(player, 9, None, {"time": 1}, f"id of {player}", "any", "[1]") for player in "abc"]
    scores += [
        Score("c", 101, None, {"time": 2}),
        Score("a", 102, None, {"time": 2}),
        Score("a", 103, None, {"time": 2}),
    ]
    results = parts.scores.submit("columns", scores)
    waiting = [result.review for result in results if isinstance(result, Result) and result.review]
    parts.removals.decide("columns", waiting[0], approve=True, by="operator")
    parts.removals.decide("columns", waiting[1], approve=False, by="operator")
    for player, hide in (("a", True), ("b", False)):
        parts.removals.remove("columns", player, reason="cheated", by="operator", hide=hide)
    parts.removals.remove("columns", "c", reason="cheated", by="operator")
    parts.removals.restore("columns", "c", reason="did not", by="operator")
    parts.scores.submit("columns", [Score("a", 3, None, {"time": 1})], once=Once("a" * 64, "print"))
    assert all((parts.removals.aside("columns"), parts.removals.audit("columns"), parts.removals.waiting("columns")))


def use_seasons(parts: Parts) -> None:
    """Seasons of both sorts."""
    for board, season in (("cron", Season("0 0 1 * *", "Europe/Berlin")), ("manual", Season())):
        parts.boards.put(board, BoardSettings(periods=("season", "all"), season=season))
        parts.scores.submit(board, [Score("a", 1)])
    parts.seasons.roll_over("manual")
    parts.scores.submit("manual", [Score("a", 1)])
    assert len(parts.rankings.periods("manual", "season")) == 2


def use_groups(parts: Parts) -> None:
    """Groups with levels, cohorts, and both boards merged."""
    parts.boards.put("teams", BoardSettings(groups="best", ties="dense", periods=("day", "all")))
    parts.groups.assign("teams", "a", "red")
    parts.boards.put("cohorts", BoardSettings(cohorts=2))
    for board in ("teams", "cohorts"):
        parts.scores.submit(board, [Score("a", 1), Score("b", 2)])
        assert parts.groups.table(board).rows
        assert parts.groups.around(board, "a")[1].rows
    parts.boards.put("both", BoardSettings(merge=Merge((Source("teams"), Source("cohorts", 2)))))
    assert [row.score for row in parts.rankings.top("both").rows] == [6, 3]


def use_the_toolbox(parts: Parts) -> None:
    """Every part of the toolbox once: limits, cache, locks, and workers that count, settle and bury."""
    for guard in ("score", "login", "user"):
        parts.limits.take(guard, Caller("203.0.113.7", None))
    parts.limits.report()
    parts.users.get("1")
    parts.users.report()
    _, session = parts.sessions.sign_in("ada", operator=False, address="127.0.0.1", agent="curl/8")
    parts.sessions.change(session, {"player": "ada", "theme": "dark", "board": "arena"})
    parts.sessions.report()
    Redlock([parts.url]).acquire("quorum", ttl_ms=60_000)
    held = parts.locks.acquire("held", ttl_ms=60_000)
    waiter = threading.Thread(target=lambda: parts.locks.acquire("held", ttl_ms=60_000, wait_ms=30_000))
    waiter.start()
    wait_until(lambda: parts.client.exists(keys.lock_waiters("held")))
    parts.locks.release("held", held.token)
    waiter.join(30)
    parts.client.zadd(keys.lock_waiters("held"), {"another who waits": 1})
    parts.client.expire(keys.lock_waiters("held"), 60)
    free = parts.locks.acquire("free", ttl_ms=60_000)
    parts.client.zadd(keys.lock_waiters("free"), {"one who left": 1})
    parts.client.expire(keys.lock_waiters("free"), 60)
    parts.locks.release("free", free.token)
    parts.payments.submit(Payment("42", 9900), Once("a" * 64, "print"))
    parts.claims.take(Once("a" * 64, "print"))
    parts.claims.keep(parts.claims.take(Once("b" * 64, "print")), "an answer")
    parts.client.xadd(keys.PAYMENTS, {"user": "42", "amount": "much"})
    crew = Crew("all", ["worker"], parts.boards, parts.tally, parts.payments)
    crew.start()
    wait_until(lambda: parts.client.exists(keys.dead(keys.PAYMENTS)))
    wait_until(lambda: parts.client.hget(keys.tally("arena"), "counted"))
    wait_until(lambda: parts.client.xpending(keys.PAYMENTS, PAYMENTS_GROUP)["pending"] == 0)
    assert crew.stop(within_s=20)
    parts.client.hset(keys.tally("arena"), "missed", 0)  # as after an outage longer than the stream


def wait_until(seen: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < deadline


def found(client: Client) -> dict[str, list[str]]:
    """The keys in Redis by the rows that document them; a key that none does stands under its own name."""
    by_row: dict[str, list[str]] = {}
    for raw in client.scan_iter(count=1000):
        key = raw.decode()
        rows = [row.pattern for row in STORED if row.matches(key)]
        assert len(rows) < 2, f"{key} is documented twice: {rows}"
        by_row.setdefault(rows[0] if rows else key, []).append(key)
    return by_row


def test_redis_holds_every_documented_key_and_no_other(used: Client) -> None:
    assert found(used).keys() == {row.pattern for row in STORED}


def test_control_a_key_that_is_not_documented_is_found(used: Client) -> None:
    used.set("sc:board:{arena}:secret", 1)
    assert "sc:board:{arena}:secret" in found(used)
    used.delete("sc:board:{arena}:secret")


def test_a_deleted_board_left_no_key(used: Client) -> None:
    assert [key for of_row in found(used).values() for key in of_row if "gone" in key] == []


def is_waiting(client: Client, key: str) -> bool:
    """Whether it is of a ranking that is not archived, or never is."""
    match = re.fullmatch(
        rf"sc:board:{{({PLACES['NAME']})}}:rank:({PLACES['PERIOD']})(:runs|:levels|:groups|:cohorts|(:levels)?:of:.+)?",
        key,
    )
    return match is not None and (match[2] == "all" or bool(client.hexists(keys.unarchived(match[1]), match[2])))


@pytest.mark.parametrize("row", STORED, ids=lambda row: row.pattern)
def test_type_and_life_are_as_documented(row: Row, used: Client) -> None:
    for key in found(used)[row.pattern]:
        assert used.type(key).decode().replace("zset", "sorted set") in row.kind.split(" or ")
        mortal = "expire" in row.life and not is_waiting(used, key)
        if mortal:
            assert used.pexpiretime(key) > store_ms(used), key
        else:
            assert used.ttl(key) == -1, key
            assert re.search("for ever|as long as the board", row.life), f"{key} has no TTL; the table does not say so"


@pytest.mark.parametrize("row", [row for row in STORED if row.fields is not None], ids=lambda row: row.pattern)
def test_fields_are_those_documented(row: Row, used: Client) -> None:
    seen: set[str] = set()
    for key in found(used)[row.pattern]:
        entries = used.xrange(key) if row.kind == "stream" else [("", used.hgetall(key))]
        names = {name.decode() for _, fields in entries for name in fields}
        seen |= {"PERIOD" if re.fullmatch(PLACES["PERIOD"], name) else name for name in names}
    assert frozenset(seen) == row.fields


def test_every_field_is_explained() -> None:
    page = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8").split("## Fields")[1]
    for row in STORED:
        for field in row.fields or ():
            assert re.search(rf"`{field}`|{field}\b", page), f"{row.pattern}: {field}"


def made_of(maker: Callable[..., object]) -> object:
    return maker(*(parameter.upper() for parameter in inspect.signature(maker).parameters))


def makers() -> dict[str, str]:
    """What `store/keys.py` can make: name of the function or constant by what it makes."""
    made = {}
    for name, thing in vars(keys).items():
        if inspect.isfunction(thing) and isinstance(made_of(thing), str):
            made[str(made_of(thing))] = name
        elif isinstance(thing, str) and (thing.startswith(keys.PREFIX) or name == "PAYMENTS") and thing != keys.PREFIX:
            made[thing] = name
    return made


def test_the_table_lists_what_the_code_can_name() -> None:
    assert makers().keys() == {row.pattern for row in TABLE}


def test_writers_and_readers_are_as_documented() -> None:
    """A module that names a key is one that the table gives for it, or hands it to a script that the table gives."""
    modules = {path: path.read_text(encoding="utf-8") for path in (ROOT / "dashboard").rglob("*.py")}
    for row in TABLE:
        maker = makers()[row.pattern]
        naming = {
            p.relative_to(ROOT / "dashboard").as_posix()
            for p, t in modules.items()
            if re.search(rf"keys\.{maker}\b", t)
        }
        scripts = {Path(name).stem for name in (*row.written, *row.read) if name.endswith(".lua")}
        given = {name for name in (*row.written, *row.read) if not name.endswith(".lua")}
        assert scripts <= SCRIPTS, row.pattern
        assert given <= naming, row.pattern
        for module in naming - given:
            text = modules[ROOT / "dashboard" / module]
            handed = row.scripts | {"delete_board"}  # which takes every key of a board, as is said below the table
            assert any(f'"{script}"' in text for script in handed), f"{module} names {row.pattern}"


def names_keys(text: str) -> bool:
    return re.search(r"(?<![\w.])sc:(?:\w|\{)", text) is not None


def test_no_other_file_of_the_program_names_a_key() -> None:
    folders = [ROOT / name for name in ("dashboard", "static", "templates")]
    files = [ROOT / "run.py", *(path for folder in folders for path in folder.rglob("*") if path.is_file())]
    texts = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for path in files
        if "vendor" not in path.parts and "__pycache__" not in path.parts
    }
    assert len(texts) > 30
    assert [name for name, text in texts.items() if names_keys(text) or '"sc:' in text] == ["dashboard/store/keys.py"]


@pytest.mark.parametrize("text", ["get('sc:boards')", '"sc:board:{" + name', "f'sc:{name}'", "KEYS = sc:x"])
def test_control_a_key_named_elsewhere_is_found(text: str) -> None:
    assert names_keys(text)


@pytest.mark.parametrize("text", ["misc: x", "desc:asc", "{desc: 1}", "sc: a"])
def test_control_other_words_are_left_alone(text: str) -> None:
    assert not names_keys(text)
