"""Streams and groups: what is read when, finished once, buried and put back. All on the real server."""

import uuid
from collections.abc import Iterator

import pytest
import redis

from dashboard.errors import EntryNotFound, InvalidInput, StreamFull
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.store.group import Group
from dashboard.store.scripts import Scripts
from dashboard.store.stream import RETRY_OF, Stream

SOON_MS = 20


@pytest.fixture
def stream(parts: Parts) -> Iterator[Stream]:
    """A stream that ends with the test."""
    one = Stream(parts.client, Scripts(parts.client), f"test-{uuid.uuid4().hex[:12]}", length=10, limit=30)
    yield one
    parts.client.delete(one.key, keys.dead(one.key), keys.fates(one.key), f"{{{one.key}}}:n")


@pytest.fixture
def group(parts: Parts, stream: Stream) -> Group:
    """A group of it whose entries may be taken over at once."""
    made = Group(parts.client, Scripts(parts.client), stream, "g", idle_ms=0)
    made.create()
    return made


def count(parts: Parts, stream: Stream) -> int:
    return int(parts.client.get(f"{{{stream.key}}}:n") or 0)


def one_more(stream: Stream) -> tuple[str, str]:
    return ("INCR", f"{{{stream.key}}}:n")


def test_an_entry_is_finished_once_with_its_effect(parts: Parts, stream: Stream, group: Group) -> None:
    stream.add({"n": "1"})
    [entry] = group.new("a", 10)
    assert group.finish(entry, [one_more(stream), ("HSET", keys.fates(stream.key), "x", 1)])
    assert not group.finish(entry, [one_more(stream)]), "not pending any more"
    assert not group.bury(entry.id, "too late")
    assert count(parts, stream) == 1
    assert stream.figures()["groups"][0]["pending"] == 0


def test_of_two_that_hold_an_entry_one_finishes_it(parts: Parts, stream: Stream, group: Group) -> None:
    stream.add({"n": "1"})
    [robbed] = group.new("a", 10)
    _, [taken], _ = group.adopt("b", "0-0", 10)
    assert (taken.id, taken.deliveries) == (robbed.id, 2)
    assert [group.finish(robbed, [one_more(stream)]), group.finish(taken, [one_more(stream)])] == [True, False]
    assert count(parts, stream) == 1


def test_an_effect_that_is_refused_leaves_the_entry_pending(parts: Parts, stream: Stream, group: Group) -> None:
    stream.add({"n": "1"})
    [entry] = group.new("a", 10)
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        group.finish(entry, [("INCR", stream.key)])
    assert [found.id for found in group.own("a", "0", 10)] == [entry.id]


def test_a_name_finds_its_own_pending_entries_again_and_no_others(stream: Stream, group: Group) -> None:
    ids = [stream.add({"n": str(n)}) for n in range(5)]
    group.new("a", 2)
    group.new("b", 1)
    assert [(e.id, e.deliveries) for e in group.own("a", "0", 10)] == [(ids[0], 2), (ids[1], 2)]
    assert [e.id for e in group.own("a", ids[0], 10)] == [ids[1]]
    assert group.own("c", "0", 10) == []
    assert [e.id for e in group.new("a", 10)] == ids[3:]


def test_what_is_touched_is_not_taken_over(parts: Parts, stream: Stream) -> None:
    group = Group(parts.client, Scripts(parts.client), stream, "g", idle_ms=60_000)
    group.create()
    stream.add({"n": "1"})
    [entry] = group.new("a", 10)
    parts.client.xclaim(stream.key, "g", "a", 0, [entry.id], idle=120_000, justid=True)  # as if it had waited
    group.touch("a", [entry.id])
    assert group.adopt("b", "0-0", 10) == ("0-0", [], False)
    parts.client.xclaim(stream.key, "g", "a", 0, [entry.id], idle=120_000, justid=True)
    _, [taken], _ = group.adopt("b", "0-0", 10)  # control
    assert taken.deliveries == 2, "touching is no delivery"


def test_a_buried_entry_is_a_dead_letter_until_it_is_put_back(stream: Stream, group: Group) -> None:
    id = stream.add({"user": "ö", "n": "1"})
    group.new("a", 10)
    assert group.bury(id, "because \udcff")
    [letter] = stream.letters()
    assert (letter.entry, letter.origin, letter.group, letter.deliveries) == (id, id, "g", 1)
    assert (letter.error, letter.fields) == ("because ?", {"user": "ö", "n": "1"})
    assert stream.fate(id) == letter
    again = stream.retry(letter.id)
    assert stream.fate(id) == "retried"
    assert stream.letters() == []
    with pytest.raises(EntryNotFound):
        stream.retry(letter.id)
    [entry] = group.new("a", 10)
    assert (entry.id, entry.origin) == (again, id)
    assert entry.fields == {"user": "ö", "n": "1", RETRY_OF: id}
    assert group.bury(again, "still")
    [letter] = stream.letters()
    assert (letter.origin, letter.entry) == (id, again)
    stream.retry(letter.id)
    [entry] = group.new("a", 10)
    assert entry.fields == {"user": "ö", "n": "1", RETRY_OF: id}
    assert group.finish(entry)
    assert stream.fate(id) is None


def test_dead_letters_are_bounded_and_keep_bytes_as_they_are(
    parts: Parts, stream: Stream, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.store.group.LETTERS", 3)
    ids = [parts.client.xadd(stream.key, {b"\xff": b"\x00\xfe"}).decode() for _ in range(5)]
    group.new("a", 10)
    assert all(group.bury(id, "no text") for id in ids)
    letters = stream.letters()
    assert [letter.entry for letter in letters] == ids[:1:-1]
    assert letters[0].fields == {"\ufffd": "\x00\ufffd"}
    assert parts.client.hkeys(keys.fates(stream.key)) == [id.encode() for id in ids[2:]]
    again = stream.retry(letters[0].id)
    assert parts.client.xrange(stream.key, again, again)[0][1] == {b"\xff": b"\x00\xfe", b"retry-of": ids[4].encode()}


def test_an_entry_with_very_many_fields_is_buried_without_them(parts: Parts, stream: Stream, group: Group) -> None:
    parts.client.xadd(stream.key, {str(n): "x" for n in range(9000)})
    [entry] = group.new("a", 10)
    assert group.bury(entry.id, "too many")
    [letter] = stream.letters()
    with pytest.raises(InvalidInput):
        stream.retry(letter.id)


def test_a_trimmed_entry_that_is_pending_does_not_stay_so(parts: Parts, stream: Stream, group: Group) -> None:
    stream.add({"n": "1"})
    group.new("dead", 10)
    parts.client.xtrim(stream.key, maxlen=0)
    _, entries, unnamed = group.adopt("a", "0-0", 10)  # Redis 7 forgets it, 6.2 hands it over without its id
    assert entries == []
    for entry in group.own("a", "0", 10) if unnamed else []:
        assert entry.fields == {}
        group.bury(entry.id, "trimmed")
    assert stream.figures()["groups"][0]["pending"] == 0


def test_a_group_that_went_missing_is_made_again_from_the_beginning(parts: Parts, stream: Stream, group: Group) -> None:
    id = stream.add({"n": "1"})
    parts.client.xgroup_destroy(stream.key, "g")
    assert group.new("a", 10) == []
    assert [entry.id for entry in group.new("a", 10)] == [id]


def test_figures_count_lag_and_pending_on_every_server(parts: Parts, stream: Stream, group: Group) -> None:
    ids = [stream.add({"n": str(n)}) for n in range(6)]
    group.new("a", 2)
    parts.client.xgroup_create(stream.key, "late", id="0")
    parts.client.xdel(stream.key, ids[4])  # from here on no server knows the lag by itself
    figures = stream.figures()
    assert (figures["length"], figures["last"], figures["dead"]) == (5, ids[5], 0)
    assert figures["added"] in (6, None)
    late, first = sorted(figures["groups"], key=lambda g: str(g["group"]), reverse=True)
    assert (late["lag"], late["pending"], late["consumers"]) == (5, 0, [])
    assert (first["lag"], first["pending"]) == (3, 2)
    [consumer] = first["consumers"]
    assert (consumer["consumer"], consumer["pending"]) == ("a", 2)
    assert consumer["idle_ms"] >= 0
    absent = Stream(parts.client, Scripts(parts.client), f"{stream.key}-absent").figures()
    assert (absent["length"], absent["groups"]) == (0, [])


def test_a_full_stream_refuses_and_loses_nothing(stream: Stream, group: Group) -> None:
    ids = [stream.add({"n": str(n)}) for n in range(30)]
    with pytest.raises(StreamFull):
        stream.add({"n": "one too many"})
    group.tidy()
    assert stream.figures()["length"] == 30, "nothing was read yet"
    entries = group.new("a", 25)
    for entry in entries[1:]:
        group.finish(entry)
    group.tidy()
    assert stream.figures()["length"] == 30, "the oldest is not finished"
    group.finish(entries[0])
    group.tidy()
    assert stream.figures()["length"] == 10
    assert [entry.id for entry in group.new("a", 25)] == ids[25:]


def test_consumers_that_are_gone_are_forgotten_unless_they_left_something(
    stream: Stream, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.store.group.GONE_MS", -1)
    stream.add({"n": "1"})
    group.new("keeper", 10)
    stream.add({"n": "2"})
    [entry] = group.new("gone", 10)
    group.finish(entry)
    group.tidy()
    assert [c["consumer"] for c in stream.figures()["groups"][0]["consumers"]] == ["keeper"]
