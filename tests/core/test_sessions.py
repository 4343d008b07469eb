"""Sessions on a real store: merged field by field, two ends, JSON only, counts that know of expiry."""

import json
import uuid

import pytest

from dashboard.core.sessions import LIVES, Sessions, short_address, short_agent
from dashboard.errors import NotFound, SignedOut, StoreUnavailable
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.store.client import connect
from dashboard.store.counts import Counts
from dashboard.store.scripts import Scripts
from dashboard.store.session_store import SessionStore, Stored
from dashboard.web.session_interface import Session
from tests.core.times import store_ms


@pytest.fixture
def name() -> str:
    return f"viewer-{uuid.uuid4().hex[:12]}"


def sign_in(sessions: Sessions, name: str, *, operator: bool = False) -> tuple[str, Stored]:
    return sessions.sign_in(name, operator=operator, address="203.0.113.7", agent="curl/8.5")


def test_two_writers_of_different_fields_both_win(parts: Parts, name: str) -> None:
    secret, stored = sign_in(parts.sessions, name)
    first, second = Session(parts.sessions, secret), Session(parts.sessions, secret)
    assert dict(first) == dict(second)  # both have read
    first["player"], second["theme"] = "ada", "dark"
    first.save()
    second.save()
    values = parts.sessions.find(stored.handle).values
    assert (values["player"], values["theme"]) == ("ada", "dark")


def test_control_a_session_written_whole_loses_a_field(parts: Parts, name: str) -> None:
    parts.client.set(f"naive:{name}", json.dumps({"name": name}), ex=60)
    first, second = (json.loads(parts.client.get(f"naive:{name}")) for _ in range(2))
    first["player"], second["theme"] = "ada", "dark"
    for whole in (first, second):
        parts.client.set(f"naive:{name}", json.dumps(whole), ex=60)
    assert "player" not in json.loads(parts.client.get(f"naive:{name}"))
    parts.client.delete(f"naive:{name}")


def test_an_ended_session_is_not_brought_back_by_a_late_writer(parts: Parts, name: str) -> None:
    secret, stored = sign_in(parts.sessions, name)
    late = Session(parts.sessions, secret)
    late["player"] = "ada"
    parts.sessions.end(stored)
    with pytest.raises(SignedOut):
        late.save()
    assert not parts.client.exists(keys.session(stored.handle))


def test_a_session_takes_json_and_nothing_else(parts: Parts, name: str) -> None:
    session = Session(parts.sessions, sign_in(parts.sessions, name)[0])
    with pytest.raises(TypeError):
        session["x"] = object()
    with pytest.raises(ValueError, match="JSON"):
        session["x"] = float("nan")


@pytest.mark.parametrize("operator", [False, True])
def test_idle_time_begins_anew_with_use_but_never_passes_the_absolute_end(
    parts: Parts, name: str, operator: bool
) -> None:
    _, stored = sign_in(parts.sessions, name, operator=operator)
    life, key = LIVES[stored.role], keys.session(stored.handle)
    assert parts.client.pexpiretime(key) == stored.since_ms + life.idle_ms
    assert stored.ends_ms == stored.since_ms + life.life_ms
    parts.client.pexpire(key, 60_000)
    parts.sessions.change(stored, {})
    assert parts.client.pttl(key) > 60_000
    soon = store_ms(parts.client) + 90_000
    parts.client.hset(key, "@ends", soon)
    parts.sessions.change(stored, {})
    assert parts.client.pexpiretime(key) == soon
    parts.client.pexpireat(key, 1)
    with pytest.raises(SignedOut):
        parts.sessions.find(stored.handle)


def test_reading_writes_nothing_until_a_touch_is_due(parts: Parts, name: str) -> None:
    secret, stored = sign_in(parts.sessions, name)
    key = keys.session(stored.handle)
    parts.client.pexpire(key, 500_000)
    session = Session(parts.sessions, secret)
    assert session["name"] == name
    session.save()
    assert parts.client.pttl(key) <= 500_000
    parts.client.hset(key, "@seen", stored.seen_ms - 61_000)
    later = Session(parts.sessions, secret)
    assert later["name"] == name
    later.save()
    assert parts.client.pttl(key) > 500_000


def test_counts_are_right_when_sessions_run_out(parts: Parts, name: str) -> None:
    before = parts.sessions.panel()
    _, viewer = sign_in(parts.sessions, name)
    _, operator = sign_in(parts.sessions, name, operator=True)
    now = parts.sessions.panel()
    assert (now["viewers"], now["operators"]) == (before["viewers"] + 1, before["operators"] + 1)
    assert now["signed_in"] == before["signed_in"] + 2
    for stored in (viewer, operator):  # their time is over
        parts.client.pexpireat(keys.session(stored.handle), 1)
        parts.client.zadd(keys.sessions_of_role(stored.role), {stored.handle: 1})
    after = parts.sessions.panel()
    assert after["active"] == before["active"]
    assert after["ended"] == before["ended"] + 2


def test_all_of_an_owner_are_ended_and_only_they(parts: Parts, name: str) -> None:
    mine = [sign_in(parts.sessions, name)[1] for _ in range(3)]
    _, other = sign_in(parts.sessions, name, operator=True)
    with pytest.raises(NotFound):
        parts.sessions.end_one(other.handle, mine[0].owner)
    assert parts.sessions.end_all(mine[0].owner) == 3
    assert parts.sessions.alive([s.handle for s in (*mine, other)]) == {other.handle}


def test_an_owner_of_very_many_is_listed_in_part_and_ended_as_a_whole(
    parts: Parts, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may sign in by a name, so a list of all its sessions would be as long as anybody likes."""
    monkeypatch.setattr("dashboard.core.sessions.LISTED", 2)
    for _ in range(5):
        _, stored = sign_in(parts.sessions, name)
    assert len(parts.sessions.of(stored.owner)) == 2
    assert parts.sessions.end_all(stored.owner) == 5
    assert parts.sessions.of(stored.owner) == []


def test_a_sign_in_that_fails_leaves_the_old_session(parts: Parts, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, old = sign_in(parts.sessions, name)
    with monkeypatch.context() as patch:  # Redis goes away after the first round trip of the sign-in
        gone = SessionStore(parts.client, Scripts(connect("unix:///nowhere/none.sock")))
        patch.setattr(parts.sessions._store, "open", gone.open)
        with pytest.raises(StoreUnavailable):
            parts.sessions.sign_in(name, operator=False, address="", agent="", instead_of=old)
    assert parts.sessions.find(old.handle) == old


def test_without_redis_a_session_is_unavailable_but_a_visitor_is_not(parts: Parts, tmp_path: object) -> None:
    away = connect(f"unix://{tmp_path}/none.sock")
    scripts = Scripts(away)
    sessions = Sessions(SessionStore(away, scripts), Counts(away, scripts, keys.SESSION_COUNTS), parts.clock)
    assert dict(Session(sessions, None)) == {}
    with pytest.raises(StoreUnavailable):
        dict(Session(sessions, "x"))
    with pytest.raises(StoreUnavailable):
        sign_in(sessions, "ada")
    sessions.report()


def test_a_secret_key_changes_every_digest(parts: Parts) -> None:
    scripts = Scripts(parts.client)
    plain, keyed = SessionStore(parts.client, scripts), SessionStore(parts.client, scripts, "pepper")
    assert plain.handle("id") != keyed.handle("id") == keyed.handle("id")


def test_who_signed_in_is_shown_in_short() -> None:
    assert short_address("203.0.113.7") == "203.0.113.x"
    assert short_address("2001:db8:1:2::5") == "2001:db8:1:x"
    assert short_address("127.0.0.1") == "this machine"
    assert short_agent("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0") == "Firefox on Linux"
    assert short_agent("curl/8.5.0") == "curl/8.5.0"
