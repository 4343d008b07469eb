"""The tally on the real server: every score event once, in the right bucket, also when events are malformed, left pending
by others, or trimmed before anybody came.
"""

import random
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from dashboard.core.boards import Boards
from dashboard.core.tally import GROUP, Tally, next_bound
from dashboard.live.tallying import Tallying
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.store.scripts import Scripts
from dashboard.values import Score
from tests.store.hold import wait_until


@pytest.fixture
def tally(parts: Parts) -> Tally:
    """A tally that takes over at once what others left pending."""
    return Tally(parts.client, Scripts(parts.client), parts.boards, parts.clock, idle_ms=0)


@pytest.fixture(autouse=True)
def deleted(parts: Parts, board: str) -> Iterator[None]:
    """The board ends with the test, and leaves nothing."""
    yield
    if board in parts.boards.names():
        parts.boards.delete(board)
    assert list(parts.client.scan_iter(f"*{{{board}}}*")) == []


def submit(parts: Parts, board: str, scores: list[tuple[str, int]]) -> None:
    for at in range(0, len(scores), 1000):
        parts.scores.submit(board, [Score(*score) for score in scores[at : at + 1000]])


def drain(tally: Tally, board: str, consumer: str = "w") -> int:
    total = 0
    while read := tally.count([board], consumer)[board]:
        total += read
    return total


def totals(parts: Parts, board: str) -> dict[str, int]:
    return {name.decode(): int(n) for name, n in parts.client.hgetall(keys.tally(board)).items()}


def bins(parts: Parts, board: str) -> Counter[int]:
    """Lower bound -> submitted scores, over the whole ring."""
    found: Counter[int] = Counter()
    for slot in range(keys.TALLY_MINUTES):
        for field, count in parts.client.hgetall(keys.tally_minute(board, slot)).items():
            if field.startswith(b"b"):
                found[int(field[1:])] += int(count)
    return found


def seconds(parts: Parts, board: str) -> int:
    """All events of the ring, by its seconds."""
    slots = [parts.client.hgetall(keys.tally_minute(board, slot)) for slot in range(keys.TALLY_MINUTES)]
    return sum(int(count) for slot in slots for field, count in slot.items() if field.startswith(b"s"))


def bound_of(score: int) -> int:
    """The bin of a score, by the definition: the largest of 0, 1, 2, 5, 10, ... that is not larger; mirrored below 0."""
    low = 0
    while (following := next_bound(low)) <= abs(score):
        low = following
    return low if score >= 0 else -low


def test_every_score_event_is_counted_in_its_second_and_its_bin(parts: Parts, tally: Tally, board: str) -> None:
    chance = random.Random(1)
    edges = [0, 1, -1, 2, 5, 9, 10, 49, 50, 99, 100, -100, 2**53 - 1, -(2**53 - 1), 10**15, 999_999_999_999_999]
    scores = edges + [chance.randint(-(10 ** chance.randint(1, 15)), 10 ** chance.randint(1, 15)) for _ in range(3000)]
    submit(parts, board, [(f"p{n % 700}", score) for n, score in enumerate(scores)])
    assert drain(tally, board) == len(scores)
    assert totals(parts, board)["counted"] == seconds(parts, board) == len(scores)
    assert bins(parts, board) == Counter(bound_of(score) for score in scores)
    assert parts.client.zcard(keys.active(board)) == 700
    [row] = [row for row in tally.state()["boards"] if row["board"] == board]
    assert (row["active_players"], row["counted"], row["missed"]) == (700, len(scores), 0)


def test_what_is_counted_is_bounded_and_ends_by_itself(parts: Parts, tally: Tally, board: str) -> None:
    submit(parts, board, [("a", 1)])
    drain(tally, board)
    made = {key.decode() for key in parts.client.scan_iter(f"*{{{board}}}*")}
    counted = made & set(keys.tallied(board))
    assert counted == {keys.tally(board), keys.active(board)} | {
        name for name in counted if name.startswith(keys.tally(board) + ":")
    }
    lives = {key: parts.client.ttl(key) for key in counted if key != keys.tally(board)}
    assert all(0 < life <= 600 for life in lives.values()), lives


def test_a_minute_that_is_over_makes_room_in_the_ring(parts: Parts, tally: Tally, board: str) -> None:
    submit(parts, board, [("a", 1)])
    drain(tally, board)
    [slot] = [n for n in range(keys.TALLY_MINUTES) if parts.client.exists(keys.tally_minute(board, n))]
    key = keys.tally_minute(board, slot)
    minute = int(parts.client.hget(key, "minute"))
    parts.client.hset(key, mapping={"minute": minute - keys.TALLY_MINUTES, "s7": 5, "b1": 5})
    assert [row for row in tally.state()["boards"] if row["board"] == board] == [], "it is not of the last minutes"
    submit(parts, board, [("a", 2)])
    drain(tally, board)
    assert seconds(parts, board) == 1 or parts.client.hget(key, "minute") != str(minute).encode()


def test_removals_are_no_scores_and_malformed_events_are_dead_letters_at_first_reading(
    parts: Parts, tally: Tally, board: str
) -> None:
    submit(parts, board, [("a", 1), ("b", 2)])
    parts.removals.remove(board, "a", reason="test", by="test")
    events = keys.events(board)
    bad = [
        {"player": "x"},
        {"score": "1"},
        {"player": "x", "score": "1.5"},
        {"player": "x", "score": "9" * 18},
        {"x": "y"},
    ]
    ids = [parts.client.xadd(events, fields).decode() for fields in bad]
    parts.client.xadd(events, {"score": "7", "player": "c", "more": "fields"})  # odd, but a score
    assert drain(tally, board) == 9
    assert totals(parts, board)["counted"] == 3
    stream = tally.group(board).stream
    letters = stream.letters()
    assert [letter.entry for letter in letters] == ids[::-1]
    assert letters[0].deliveries == 1
    [group] = stream.figures()["groups"]
    assert (group["group"], group["lag"], group["pending"]) == (GROUP, 0, 0)
    stream.retry(letters[0].id)
    assert drain(tally, board) == 1
    assert stream.letters()[0].origin == ids[-1], "still malformed"


def test_what_others_left_pending_is_taken_over_and_counted_once(parts: Parts, tally: Tally, board: str) -> None:
    submit(parts, board, [(f"p{n}", n) for n in range(30)])
    events = keys.events(board)
    parts.client.xgroup_create(events, GROUP, id="0")
    left = parts.client.xreadgroup(GROUP, "dead", {events: ">"}, count=20)[0][1]
    parts.client.xdel(events, left[0][0])  # and one of them is gone
    assert drain(tally, board) == 10
    assert tally.count([board], "w", adopt=True) == {board: 19}
    assert tally.count([board], "w", adopt=True) == {board: 0}
    assert totals(parts, board)["counted"] == 29
    [group] = tally.group(board).stream.figures()["groups"]
    assert group["pending"] == 0


def test_what_was_trimmed_before_anybody_came_is_counted_as_missed(parts: Parts, tally: Tally, board: str) -> None:
    submit(parts, board, [(f"p{n % 50}", n) for n in range(12_000)])
    assert tally.group(board).stream.figures()["length"] < 12_000
    read = drain(tally, board)
    assert totals(parts, board) == {"counted": read, "missed": 12_000 - read}
    submit(parts, board, [("a", 1)])
    drain(tally, board)
    assert totals(parts, board) == {"counted": read + 1, "missed": 12_000 - read}


def test_workers_side_by_side_count_every_event_once(parts: Parts, board: str) -> None:
    tally = Tally(
        parts.client, Scripts(parts.client), Boards(parts.client, Scripts(parts.client), parts.clock), parts.clock
    )
    stop = threading.Event()

    def work(name: str) -> None:
        worker = Tallying(tally, parts.boards, name)
        while not stop.is_set():
            worker.turn(stop)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            submit(parts, board, [(f"p{n}", n) for n in range(200)])
        wait_until(lambda: totals(parts, board).get("counted") == 4000)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert totals(parts, board) == {"counted": 4000}
    assert seconds(parts, board) == 4000
