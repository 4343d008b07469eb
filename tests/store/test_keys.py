"""Names of keys: one slot for all keys of a board, and no two boards that meet."""

import inspect
from collections.abc import Callable

import pytest
import redis
from redis.crc import key_slot

from dashboard.config import Settings
from dashboard.core.rankings import Rankings
from dashboard.parts import open_parts
from dashboard.store import keys
from dashboard.values import BoardSettings, Mark, Result, Score
from tests.store.servers import free_port, valkey, wait_for

Maker = Callable[..., str]
MAKERS: list[Maker] = [
    make
    for _, make in inspect.getmembers(keys, inspect.isfunction)
    if [*inspect.signature(make).parameters] == ["name"] and str(make("x")).startswith(keys.board("x"))
]
TALLIED = len(keys.tallied("x"))
NAMES = ["a", "a:b", "a:rank:all", "rank:all", "a.b", "a-b", "A", "x" * 64, "0", "boards", "changed", "a:periods", "a:"]
PERIODS = ["all", "day:2026-11-23", "week:2026-W48", "month:2026-11"]


def keys_of(name: str) -> set[str]:
    """Every key that a board may have."""
    rankings = {keys.ranking(name, id) for id in PERIODS}
    return {make(name) for make in MAKERS} | rankings | {*keys.tallied(name)}


def test_all_keys_of_a_board_share_a_slot() -> None:
    for name in NAMES:
        assert len({key_slot(key.encode()) for key in keys_of(name)}) == 1
    naive = {key_slot(key.replace("{", "").replace("}", "").encode()) for key in keys_of("a")}
    assert len(naive) > 1  # control: without the braces they would not


def test_what_is_remembered_of_a_request_lies_where_it_was_done() -> None:
    for there, remembered in (
        (keys.board("a"), keys.answered("a", "d")),
        (keys.PAYMENTS, keys.added(keys.PAYMENTS, "d")),
    ):
        assert key_slot(there.encode()) == key_slot(remembered.encode())


def test_boards_are_spread_over_the_slots() -> None:
    assert len({key_slot(keys.board(f"board{n}").encode()) for n in range(100)}) > 90


def test_no_two_names_share_a_key() -> None:
    made = [key for name in NAMES for key in keys_of(name)] + [keys.BOARDS, keys.CHANGED]
    assert (
        len(made) == len(set(made)) == len(NAMES) * (len(MAKERS) + len(PERIODS) + TALLIED - 2) + 2
    )  # tally, active: both
    assert all(key.startswith(keys.PREFIX) for key in made)


def test_a_cluster_takes_every_script(board: str) -> None:
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--cluster-require-full-coverage", "no")
    with valkey(*options) as node:
        node.client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        wait_for(lambda: node.client.cluster("INFO")["cluster_state"] == "ok", "the cluster")
        with pytest.raises(redis.ResponseError, match="same slot"):
            node.client.eval("return 1", 2, "one", "other")  # control: it minds
        with open_parts(Settings(_env_file=None, redis_url=node.url)) as parts:  # type: ignore[call-arg]
            parts.boards.put(board, BoardSettings(periods=("all", "day", "week", "month")))
            assert isinstance(parts.scores.submit(board, [Score("a", 1)])[0], Result)
            parts.scores.load(board, [Score("b", 1)], Mark("i", "", "1"))
            look(parts.rankings, board)
            parts.analytics.history(board, "day")
            parts.removals.remove(board, "a", reason="r", by="b")
            assert [found.name for found in parts.boards.all()] == [board]
            parts.boards.delete(board)
            assert node.client.dbsize() == 0


def look(rankings: Rankings, board: str) -> None:
    assert len(rankings.top(board, "day").rows) == 2
    assert len(rankings.around(board, "a").rows) == 2
    assert len(rankings.standings(board, ["a", "b"]).rows) == 2
    assert rankings.distribution(board).counts == (2,)
