"""Where users come from: the table with its sample users, and a service that behaves and misbehaves."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st

from dashboard.core.http_users import MAX_BYTES, HttpUsers
from dashboard.core.sample_users import sample_users
from dashboard.core.sql_users import SqlUsers
from dashboard.core.users import clean_user_id
from dashboard.errors import BadSetting, InvalidInput, SourceUnavailable, UserNotFound
from dashboard.store.holds import Hold
from dashboard.store.sql import open_engine, writing
from dashboard.values import Profile
from tests.core.user_service import GOOD, Service

HOLD = Hold(time.monotonic() + 3600, time.monotonic)


# Ids ----------------------------------------------------------------------------------------------------------------


@given(st.text() | st.from_regex(r"[A-Za-z0-9_./%-]{1,70}", fullmatch=True))
@example("..")
@example("1\n")
@example("１")
@example("a" * 65)
def test_an_id_is_one_harmless_segment_of_a_path_or_refused(text: str) -> None:
    try:
        id = clean_user_id(text)
    except InvalidInput:
        return
    assert id == text
    assert quote(id, safe="") == id
    assert 1 <= len(id) <= 64
    assert id.isascii()


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True))
def test_numbers_uuids_and_slugs_are_ids(text: str) -> None:
    assert clean_user_id(text) == text


@pytest.mark.parametrize("value", [1, None, b"1", ["1"]])
def test_only_text_is_an_id(value: object) -> None:
    with pytest.raises(InvalidInput):
        clean_user_id(value)


# The table ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return open_engine(f"sqlite:///{tmp_path / 'users.db'}")


def user(users: SqlUsers, id: str) -> dict[str, object] | None:
    body = users.load(id)
    return None if body is None else json.loads(body)


def test_the_first_start_makes_a_hundred_sample_users_and_no_later_one(engine: sa.Engine) -> None:
    users = SqlUsers(engine)
    found = [user(users, str(n)) for n in range(1, 101)]
    assert all(each and each["id"] == n and each["version"] == 1 for n, each in enumerate(found, 1))
    assert len({each["username"] for each in found if each}) == 100
    assert len({profile.name for profile in sample_users()}) == 100
    assert user(users, "101") is None
    users.delete("7", HOLD)
    assert user(SqlUsers(engine), "7") is None


def test_a_write_raises_the_version(engine: sa.Engine) -> None:
    users = SqlUsers(engine)
    assert users.put("new", Profile("Ada", "ada"), HOLD)[1] is True
    stored, new = users.put("new", Profile("Ada", "ada", city="Łódź"), HOLD)
    assert (stored, new) == (user(users, "new"), False)
    assert (stored["id"], stored["version"], stored["city"]) == ("new", 2, "Łódź")


@pytest.mark.parametrize(("id", "shown"), [("7", 7), ("007", "007"), ("9007199254740993", "9007199254740993")])
def test_an_id_that_is_a_number_goes_as_one_where_nothing_is_lost(engine: sa.Engine, id: str, shown: object) -> None:
    assert SqlUsers(engine).put(id, Profile("Ada", "ada"), HOLD)[0]["id"] == shown


def test_who_is_not_there_cannot_be_removed(engine: sa.Engine) -> None:
    with pytest.raises(UserNotFound):
        SqlUsers(engine).delete("nobody", HOLD)


def test_a_table_of_somebody_elses_is_left_alone(engine: sa.Engine) -> None:
    with writing(engine) as sql:
        sql.execute(sa.text("CREATE TABLE users (id INTEGER PRIMARY KEY, nick TEXT)"))
    with pytest.raises(BadSetting, match=r"without .*username"):
        SqlUsers(engine)


# The service --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    started = Service()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def users(service: Service) -> HttpUsers:
    return HttpUsers(service.url + "/", budget_s=1.0)


def test_a_user_of_the_service_is_handed_on_whole(users: HttpUsers) -> None:
    body = users.load("1")
    assert body is not None
    assert json.loads(body) == GOOD


def test_whom_the_service_does_not_know_is_absent(users: HttpUsers) -> None:
    assert users.load("nobody") is None


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("redirect", "302"),
        ("boom", "500"),
        ("html", "text/html"),
        ("list", "not an object"),
        ("nan", "not JSON"),
        ("inf", "not JSON"),
        ("latin", "not JSON"),
        ("surrogate", "not JSON"),
        ("deep", "not JSON"),
        ("nested", "deep"),
        ("gzip", "compressed"),
        ("huge", str(MAX_BYTES)),
        ("endless", str(MAX_BYTES)),
        ("cut", "does not answer"),
        ("slow", "took too long"),
        ("slowhead", "took too long"),
        ("silent", "took too long"),
    ],
)
def test_what_is_no_answer_is_refused_in_time(users: HttpUsers, what: str, says: str) -> None:
    began = time.monotonic()
    with pytest.raises(SourceUnavailable) as refused:
        users.load(what)
    assert says in refused.value.detail
    assert time.monotonic() - began < 2.5


def test_nobody_there_is_said_so() -> None:
    with pytest.raises(SourceUnavailable, match="does not answer"):
        HttpUsers("http://127.0.0.1:1/users").load("1")


def test_no_redirect_is_followed_and_no_cookie_kept(service: Service, users: HttpUsers) -> None:
    users.load("1")
    users.load("1")
    before = len(service.asked())
    with pytest.raises(SourceUnavailable):
        users.load("redirect")
    asked = service.asked()
    assert [request["path"] for request in asked[before:]] == ["/users/redirect"]
    assert not any("Cookie" in request["headers"] or "Authorization" in request["headers"] for request in asked)
