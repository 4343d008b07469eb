"""Users in the SQL database: the table `users`, made at the first start with a hundred sample users in it.

Owns: the table, its rows as JSON, writing them. Leaves to others: the engine (`store/sql.py`), caching.
"""

import json
from typing import Any, Literal

import sqlalchemy as sa

from dashboard.core.sample_users import sample_users
from dashboard.errors import BadSetting, UserNotFound
from dashboard.store.holds import Hold
from dashboard.store.sql import reading, writing
from dashboard.values import Profile

TABLES = sa.MetaData()
USERS = sa.Table(
    "users",
    TABLES,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("username", sa.String(64), nullable=False),
    sa.Column("email", sa.String(254)),
    sa.Column("city", sa.String(128)),
    sa.Column("country", sa.String(128)),
    sa.Column("joined", sa.String(10)),  # YYYY-MM-DD
    sa.Column("version", sa.BigInteger, nullable=False),  # raised by every write
)


class SqlUsers:
    """The table `users` of a database."""

    name: Literal["database"] = "database"

    def __init__(self, engine: sa.Engine) -> None:
        """Makes and fills the table where there is none. Raises BadSetting where there is one with other columns."""
        self._engine = engine
        with writing(engine) as sql:
            if not sa.inspect(sql).has_table(USERS.name):
                TABLES.create_all(sql)
                sql.execute(USERS.insert(), [_row(str(n), profile) for n, profile in enumerate(sample_users(), 1)])
                return
            missing = {column.name for column in USERS.columns} - {
                column["name"] for column in sa.inspect(sql).get_columns(USERS.name)
            }
        if missing:
            raise BadSetting(
                f"DATABASE_URL: its table `users` is another one, without {', '.join(sorted(missing))}; use a database "
                "of Scorecast's own, or set USER_API_URL."
            )

    def load(self, id: str) -> bytes | None:
        """The row as a JSON object, None where there is none. Raises SourceUnavailable."""
        with reading(self._engine) as sql:
            row = sql.execute(USERS.select().where(USERS.c.id == id)).mappings().first()
        return None if row is None else json.dumps(_data(row), ensure_ascii=False).encode()

    def put(self, id: str, profile: Profile, hold: Hold) -> tuple[dict[str, Any], bool]:
        """Make or replace a row: the row as stored, and whether it is new. Raises SourceUnavailable."""
        with writing(self._engine) as sql:
            row = _row(id, profile)
            update = USERS.update().where(USERS.c.id == id).values(row | {"version": USERS.c.version + 1})
            version = sql.scalar(update.returning(USERS.c.version))
            if version is None:
                sql.execute(USERS.insert().values(row))
            hold.check()
        return _data(row if version is None else row | {"version": version}), version is None

    def delete(self, id: str, hold: Hold) -> None:
        """Raises UserNotFound, SourceUnavailable."""
        with writing(self._engine) as sql:
            if sql.execute(USERS.delete().where(USERS.c.id == id)).rowcount == 0:
                raise UserNotFound(f"There is no user {id}.")
            hold.check()


def _row(id: str, profile: Profile) -> dict[str, Any]:
    row = {column: getattr(profile, column) for column in ("name", "username", "email", "city", "country", "joined")}
    return {"id": id, **row, "version": 1}


def _data(row: Any) -> dict[str, Any]:
    """A row for JSON: an id that is a number goes as one, as APIs of users have it."""
    data = dict(row)
    if data["id"].isdecimal() and str(number := int(data["id"])) == data["id"] and number < 2**53:
        data["id"] = number
    return data
