"""One way to open the SQL database: SQLite in the data folder, or PostgreSQL by its URL.

Owns: the engine, SQLite's modes, when a write transaction begins, the driver's errors in our words. Leaves to others:
tables and what is in them (`core/`).

SQLite's calls do not yield to other greenlets, and its own busy handler would stop the whole event loop while another
process writes. So `writing` takes the write lock at its beginning and waits for it by polling, in Python, where others
run meanwhile. What happens inside stays short and waits for nothing else.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dashboard.errors import BadSetting, SourceUnavailable

BUSY_MS = 1000
WRITE_WAIT_S, WRITE_POLL_S = 5.0, 0.005
CONNECT_S = 5
SCHEMES = ("sqlite", "postgresql")


def sqlite_url(data_dir: Path) -> str:
    """The address of the default database. Makes the folder where it is missing. Raises BadSetting."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"DATA_DIR={data_dir}: the folder cannot be made ({error.strerror}); set another.") from error
    database = str((data_dir / "scorecast.db").absolute())
    return sa.URL.create("sqlite", database=database).render_as_string(hide_password=False)


def open_engine(url: str) -> sa.Engine:
    """An engine for `sqlite:///path` or `postgresql://user:password@host/database`; one connection was seen to work.

    Raises BadSetting with what is allowed or missing. SQLite: write-ahead log, foreign keys, every commit synced, a
    connection per transaction (pooled ones would have to be shared between greenlets).
    """
    try:
        address = sa.make_url(url.replace("postgres://", "postgresql://", 1))
    except ArgumentError:
        raise BadSetting("DATABASE_URL is not an address: use sqlite:///path or postgresql://host/database") from None
    shown = address.render_as_string()
    if address.get_backend_name() not in SCHEMES:
        raise BadSetting(f"DATABASE_URL={shown}: use sqlite:///path or postgresql://host/database")
    try:
        engine = _sqlite(address) if address.get_backend_name() == "sqlite" else _postgresql(address)
        with engine.connect():
            pass
    except (DBAPIError, sqlite3.Error) as error:
        cause = getattr(error, "orig", error)
        raise BadSetting(f"DATABASE_URL={shown}: the database cannot be opened ({str(cause).strip()})") from error
    return engine


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that only reads: one picture of the database. Raises SourceUnavailable."""
    with _speaking(), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that holds the write lock from its beginning and commits at its end, or rolls back on an error.

    Do not wait for anything else inside. Raises SourceUnavailable, also where others write for WRITE_WAIT_S.
    """
    with _speaking(), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            _take_write_lock(connection)
        with connection.begin():
            yield connection


def _take_write_lock(connection: sa.Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    driver.execute("PRAGMA busy_timeout=0")
    deadline = time.monotonic() + WRITE_WAIT_S
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() > deadline:
                raise SourceUnavailable("The database is busy with another writer; try again shortly.") from error
            time.sleep(WRITE_POLL_S)
        else:
            break
    driver.execute(f"PRAGMA busy_timeout={BUSY_MS}")


@contextmanager
def _speaking() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout, sqlite3.OperationalError) as error:
        raise SourceUnavailable("The SQL database does not answer; try again shortly.") from error


def _sqlite(address: sa.URL) -> sa.Engine:
    if not address.database or address.database == ":memory:":
        raise BadSetting("DATABASE_URL: a database in memory would be lost and not shared; name a file: sqlite:///path")
    # No transactions of the driver's own making: ours begin where we say.
    engine = sa.create_engine(address, poolclass=sa.NullPool, connect_args={"isolation_level": None})

    @sa.event.listens_for(engine, "connect")
    def connect(connection: Any, _: object) -> None:
        for pragma in (f"busy_timeout={BUSY_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        if not driver.in_transaction:
            driver.execute("BEGIN")

    return engine


def _postgresql(address: sa.URL) -> sa.Engine:
    os.environ.setdefault("PSYCOPG_WAIT_FUNC", "wait_selector")  # else its waiting would stop every greenlet
    try:
        return sa.create_engine(
            address.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            connect_args={"connect_timeout": CONNECT_S},
        )
    except ImportError as error:
        raise BadSetting(
            "DATABASE_URL: PostgreSQL needs its driver, which is not installed: .venv/bin/pip install 'psycopg[binary]'"
        ) from error
