"""The SQL database: its modes, writers who wait for each other without stopping anybody else, and clear refusals."""

import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa

from dashboard.errors import BadSetting, SourceUnavailable
from dashboard.store import sql as module
from dashboard.store.sql import open_engine, reading, sqlite_url, writing

ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    made = open_engine(sqlite_url(tmp_path / "a folder? 100%"))  # made where it is missing, whatever its name
    with writing(made) as sql:
        sql.execute(sa.text("CREATE TABLE t (n INTEGER)"))
    return made


def one(engine: sa.Engine, statement: str) -> object:
    with reading(engine) as sql:
        return sql.scalar(sa.text(statement))


def test_it_is_the_database_of_the_data_folder_in_its_modes(engine: sa.Engine, tmp_path: Path) -> None:
    assert (tmp_path / "a folder? 100%" / "scorecast.db").exists()
    modes = {name: one(engine, f"PRAGMA {name}") for name in ("journal_mode", "foreign_keys", "synchronous")}
    assert modes == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2}


def test_an_error_takes_a_write_back(engine: sa.Engine) -> None:
    with pytest.raises(KeyError), writing(engine) as sql:  # noqa: PT012
        sql.execute(sa.text("INSERT INTO t VALUES (1)"))
        raise KeyError
    assert one(engine, "SELECT count(*) FROM t") == 0


def test_a_reader_has_one_picture_while_others_write(engine: sa.Engine) -> None:
    with reading(engine) as sql:
        before = sql.scalar(sa.text("SELECT count(*) FROM t"))
        with writing(engine) as other:
            other.execute(sa.text("INSERT INTO t VALUES (1)"))
        assert sql.scalar(sa.text("SELECT count(*) FROM t")) == before == 0
    assert one(engine, "SELECT count(*) FROM t") == 1


def test_writers_who_read_first_lose_no_update(engine: sa.Engine) -> None:
    def add(_: int) -> None:
        for _ in range(25):
            with writing(engine) as sql:
                highest = sql.scalar(sa.text("SELECT coalesce(max(n), 0) FROM t"))
                sql.execute(sa.text("INSERT INTO t VALUES (:n)"), {"n": int(highest or 0) + 1})

    threads = [threading.Thread(target=add, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one(engine, "SELECT max(n) FROM t") == one(engine, "SELECT count(DISTINCT n) FROM t") == 100


def test_who_waits_too_long_for_the_lock_is_told(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WRITE_WAIT_S", 0.1)
    with writing(engine), pytest.raises(SourceUnavailable, match="another writer"), writing(engine):
        pass


# In a process of eventlet's: one greenlet waits for the lock that another process holds, another one ticks.
TICKING = """
import warnings; warnings.simplefilter("ignore")
import eventlet; eventlet.monkey_patch()
import sys, time, sqlite3, threading
sys.path.insert(0, {root!r})
from dashboard.store.sql import open_engine, writing
engine, longest, over = open_engine({url!r}), 0.0, False
def tick():
    global longest
    last = time.monotonic()
    while not over:
        time.sleep(0.005)
        now = time.monotonic()
        longest, last = max(longest, now - last), now
ticker = threading.Thread(target=tick)
print("go", flush=True)
sys.stdin.readline()  # the lock is held now, and comes free some time from now
ticker.start()
{write}
over = True; ticker.join()
print(longest)
"""
OURS = "with writing(engine): pass"
BUSY_HANDLER = (
    "c = sqlite3.connect(engine.url.database, timeout=10, isolation_level=None); c.execute('BEGIN IMMEDIATE')"
)


def longest_stop_s(engine: sa.Engine, write: str) -> float:
    url = engine.url.render_as_string()
    process = subprocess.Popen(
        [sys.executable, "-c", TICKING.format(root=str(ROOT), url=url, write=write)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "go\n"
    with writing(engine):
        holding = threading.Event()
        threading.Timer(0.8, holding.set).start()  # how long another process writes
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert holding.wait(5)
    answer, _ = process.communicate(timeout=20)
    return float(answer)


def test_waiting_for_the_write_lock_stops_nobody_else(engine: sa.Engine) -> None:
    assert longest_stop_s(engine, OURS) < 0.3


def test_control_sqlites_own_waiting_stops_the_whole_loop(engine: sa.Engine) -> None:
    assert longest_stop_s(engine, BUSY_HANDLER) > 0.4


WITHOUT = "cannot be opened" if find_spec("psycopg") else "pip install 'psycopg"
"""What is said of PostgreSQL where there is none: the driver may be installed."""


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://ada:secret@db.example/scorecast", WITHOUT),
        ("mysql://ada:secret@db.example/x", "use sqlite:///path or postgresql://"),
        ("scorecast.db", "use sqlite:///path"),
        ("sqlite://", "name a file"),
        ("sqlite:////nowhere/at/all.db", "cannot be opened"),
    ],
)
def test_an_address_that_cannot_work_is_refused_with_what_to_do(url: str, says: str) -> None:
    with pytest.raises(BadSetting, match="DATABASE_URL") as refused:
        open_engine(url)
    assert says in refused.value.detail
    assert "secret" not in refused.value.detail


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("not a database, " * 100)
    with pytest.raises(BadSetting, match="not a database"):
        open_engine(f"sqlite:///{tmp_path / 'x.db'}")
