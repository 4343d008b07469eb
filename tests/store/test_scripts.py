"""The scripts on a store that forgets them, goes away, refuses writes, or loses a connection at the worst moment."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import redis

from dashboard.config import Settings
from dashboard.core.boards import Boards
from dashboard.core.scores import Scores
from dashboard.errors import MarkMoved, StoreUnavailable
from dashboard.parts import Parts, open_parts
from dashboard.store import keys
from dashboard.store.client import Client, connect
from dashboard.store.scripts import REPLICA_WAIT_MS, Scripts, answering
from dashboard.values import BoardSettings, Mark, Result, Score
from tests.store.servers import Valkey, proxy, valkey, wait_for
from tests.stored import stored

SUM = BoardSettings(rule="sum")


@contextmanager
def opened(url: str, durability: str = "always") -> Iterator[Parts]:
    settings = Settings(_env_file=None, redis_url=url, durability=durability)  # type: ignore[call-arg, arg-type]
    with open_parts(settings) as parts:
        yield parts


@pytest.fixture(scope="module")
def primary() -> Iterator[Valkey]:
    with valkey() as server:
        yield server


@pytest.fixture(scope="module")
def replica(primary: Valkey) -> Iterator[Valkey]:
    with valkey("--replicaof", "127.0.0.1", str(primary.port)) as server:
        wait_for(lambda: server.client.info("replication")["master_link_status"] == "up", "the replica's link")
        yield server


@pytest.fixture
def own(primary: Valkey) -> Iterator[Parts]:
    """The parts on a server whose limits the test may change."""
    with opened(primary.url) as parts:
        yield parts


def add(parts: Parts, board: str, score: int, player: str = "a") -> int:
    """What the player has then."""
    result = parts.scores.submit(board, [Score(player, score)])[0]
    assert isinstance(result, Result)
    assert result.score is not None
    return result.score


def held(parts: Parts, board: str) -> dict[str, int]:
    return {row.player: row.score for row in parts.rankings.top(board).rows}


# Learning ------------------------------------------------------------------------------------------------------------


def test_a_store_that_forgot_the_scripts_learns_them_again(own: Parts, board: str) -> None:
    own.boards.put(board, SUM)
    add(own, board, 1)
    own.client.script_flush()
    assert add(own, board, 1) == 2
    own.client.script_flush()
    assert held(own, board) == {"a": 2}


def test_a_known_board_takes_a_score_in_one_round_trip(own: Parts, board: str) -> None:
    add(own, board, 1)
    assert _commands(own.client, lambda: add(own, board, 2)) == {"evalsha": 1}
    assert _commands(own.client, lambda: held(own, board)) == {"evalsha": 1}


def test_a_replicated_score_takes_one_round_trip_too(primary: Valkey, replica: Valkey, board: str) -> None:
    with opened(primary.url, "replicated") as parts:
        parts.boards.put(board, SUM)
        add(parts, board, 1)
        assert _commands(parts.client, lambda: add(parts, board, 1)) == {"evalsha": 1, "wait": 1}
        parts.client.script_flush()
        assert add(parts, board, 1) == 3


def _commands(client: Client, act: Callable[[], object]) -> dict[str, int]:
    """What clients send to the server meanwhile; what a script calls is left out."""
    client.config_resetstat()
    act()
    stats = {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in client.info("commandstats").items()}
    sent = {"evalsha", "eval", "wait", "hmget", "sadd", "srem", "smembers", "exists", "script|exists", "script|load"}
    by_script = {"hmget"} if "evalsha" in stats else set()
    return {name: calls for name, calls in stats.items() if name in sent - by_script}


# Away ----------------------------------------------------------------------------------------------------------------


def everything(parts: Parts, board: str) -> list[Callable[[], object]]:
    return [
        lambda: parts.scores.submit(board, [Score("a", 1)]),
        lambda: parts.scores.submit("never-seen", [Score("a", 1)]),
        lambda: parts.scores.load(board, [Score("a", 1)], Mark("i", "", "1")),
        lambda: parts.scores.mark(board, "i"),
        lambda: parts.removals.remove(board, "a", reason="r", by="b"),
        lambda: parts.boards.put(board, SUM),
        lambda: parts.boards.delete(board),
        lambda: parts.boards.all(),
        lambda: parts.boards.read(board),
        lambda: parts.boards.versions([board]),
        lambda: parts.rankings.top(board),
        lambda: parts.rankings.around(board, "a"),
        lambda: parts.rankings.standings(board, ["a"]),
        lambda: parts.rankings.distribution(board),
        lambda: parts.rankings.snapshots([(parts.boards.get(board), "all", 10)]),
        lambda: parts.analytics.history(board, "all"),
    ]


def test_everything_says_that_the_store_is_away_and_works_when_it_is_back(tmp_path: Path, board: str) -> None:
    with open_parts(Settings(_env_file=None, data_dir=tmp_path)) as parts:  # type: ignore[call-arg]
        assert parts.embedded is not None
        parts.boards.put(board, SUM)
        add(parts, board, 1)
        parts.embedded.stop()
        began = time.monotonic()
        for call in everything(parts, board):
            with pytest.raises(StoreUnavailable, match="nothing was acknowledged") as refused:
                call()
            assert refused.value.temporary
        assert time.monotonic() - began < 1
        parts.embedded.start()
        assert add(parts, board, 1) == 2


def test_idle_connections_that_were_cut_are_replaced_unseen(own: Parts, board: str) -> None:
    own.boards.put(board, SUM)
    add(own, board, 1)
    own.client.client_kill_filter(_type="normal", skipme=True)
    assert add(own, board, 1) == 2


def test_a_server_that_hangs_is_given_up(primary: Valkey, board: str) -> None:
    impatient = connect(primary.url, timeout_s=0.2)
    primary.pause()
    try:
        with pytest.raises(StoreUnavailable):
            Scripts(impatient).read("read_rows", [keys.board(board), keys.ranking(board, "all")], ["desc", 1, "at", 0])
    finally:
        primary.resume()
        impatient.close()


# Never twice ---------------------------------------------------------------------------------------------------------


def _sum_after_a_cut(primary: Valkey, board: str, client: Client, cut: Callable[[bytes], None]) -> tuple[int, bool]:
    """What 1 + 1 comes to where the second score's answer is lost on its way; and whether the caller was told so."""
    with opened(primary.url) as parts:
        parts.boards.put(board, SUM)
        scripts = Scripts(client)
        scores = Scores(scripts, Boards(client, scripts, parts.clock), parts.clock)
        scores.submit(board, [Score("a", 1)])
        cut(b"EVALSHA")
        told = False
        try:
            scores.submit(board, [Score("a", 1)])
        except StoreUnavailable:
            told = True
        client.close()
        return held(parts, board)["a"], told


def test_a_write_whose_answer_was_lost_is_not_sent_again(primary: Valkey, board: str) -> None:
    with proxy(primary.socket) as front:
        client = connect(f"redis://127.0.0.1:{front.port}")
        assert _sum_after_a_cut(primary, board, client, front.cut) == (2, True)
        assert front.cuts == 1


def test_control_the_drivers_own_client_sends_it_again(primary: Valkey, board: str) -> None:
    with proxy(primary.socket) as front:
        client = redis.Redis(port=front.port)
        assert _sum_after_a_cut(primary, board, client, front.cut) == (3, False)
        assert front.cuts == 1


# Refusing ------------------------------------------------------------------------------------------------------------


@contextmanager
def out_of_memory(server: Valkey) -> Iterator[None]:
    server.client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        server.client.config_set("maxmemory", 0)


@contextmanager
def too_few_replicas(server: Valkey) -> Iterator[None]:
    server.client.config_set("min-replicas-to-write", 5)
    try:
        yield
    finally:
        server.client.config_set("min-replicas-to-write", 0)


@contextmanager
def busy_with_a_script(server: Valkey) -> Iterator[None]:
    server.client.config_set("lua-time-limit", 1)
    thread = threading.Thread(target=_run_for_ever, args=[server.url])
    thread.start()
    wait_for(lambda: _is_busy(server.client), "the script that runs for ever")
    try:
        yield
    finally:
        server.client.script_kill()
        thread.join()
        server.client.config_set("lua-time-limit", 5000)


def _run_for_ever(url: str) -> None:
    client = connect(url, timeout_s=None)
    with pytest.raises(redis.ResponseError, match="killed"):
        client.eval("while true do end", 0)
    client.close()


def _is_busy(client: Client) -> bool:
    try:
        client.ping()
    except redis.ResponseError as error:
        return str(error).startswith("BUSY ")
    return False


@pytest.mark.parametrize(
    ("refusing", "words"),
    [(out_of_memory, "out of memory"), (too_few_replicas, "NOREPLICAS"), (busy_with_a_script, "BUSY")],
    ids=["out of memory", "too few replicas", "busy with a script"],
)
def test_a_store_that_takes_no_writes_is_away_and_nothing_is_half_done(
    refusing: Callable[[Valkey], AbstractContextManager[None]], words: str, primary: Valkey, own: Parts, board: str
) -> None:
    own.boards.put(board, BoardSettings(rule="sum", periods=("all", "day")))
    own.scores.load(board, [Score("a", 1)], Mark("i", "", "1"))
    before = stored(own.client, board)
    with refusing(primary):
        for call in (
            lambda: own.scores.submit(board, [Score("a", 1), Score("b", 1)]),
            lambda: own.scores.load(board, [Score("a", 1)], Mark("i", "1", "2")),
            lambda: own.boards.put(f"{board}-new", SUM),
        ):
            with pytest.raises(StoreUnavailable, match=words):
                call()
    assert stored(own.client, board) == before
    assert own.boards.read(f"{board}-new") is None
    assert add(own, board, 1) == 2


def test_a_store_that_cannot_save_is_away(tmp_path: Path, board: str) -> None:
    with valkey() as server, opened(server.url) as parts:
        server.client.config_set("save", "3600 1000000")
        add(parts, board, 1)
        shutil.rmtree(server.socket.parent)
        server.client.bgsave()
        wait_for(lambda: server.client.info("persistence")["rdb_last_bgsave_status"] == "err", "the failed save")
        with pytest.raises(StoreUnavailable, match="MISCONF"):
            add(parts, board, 1)
        with pytest.raises(StoreUnavailable, match="MISCONF"):
            parts.boards.put(board, BoardSettings(title="t"))
        assert held(parts, board) == {"a": 1}
        server.socket.parent.mkdir()


def test_a_replica_takes_no_writes_and_serves_reads(primary: Valkey, replica: Valkey, own: Parts, board: str) -> None:
    own.boards.put(board, SUM)
    add(own, board, 1)
    own.client.wait(1, 5000)
    with opened(replica.url) as parts:
        assert held(parts, board) == {"a": 1}
        for call in (lambda: add(parts, board, 1), lambda: parts.boards.put(f"{board}-new", SUM)):
            with pytest.raises(StoreUnavailable):
                call()
    assert held(own, board) == {"a": 1}


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ("-OOM command not allowed when used memory > 'maxmemory'.", "out of memory"),
        ("-NOREPLICAS Not enough good replicas to write.", "NOREPLICAS"),
        ("-READONLY You can't write against a read only replica.", "READONLY"),
        ("-MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist.", "MISCONF"),
    ],
)
def test_a_refusal_inside_a_script_is_understood_in_the_words_of_redis_6_too(refusal: str, words: str) -> None:
    place = (
        "Error running script (call to f_77068156e7098411bc5f6260d5c943b17ad3e545): @user_script:73: @user_script: 73: "
    )
    by_redis_6 = redis.ResponseError(place + refusal)
    with pytest.raises(StoreUnavailable, match=words), answering():
        raise by_redis_6
    ours = redis.ResponseError("Error running script (call to f_77): @user_script:7: the board's name is -OOM indeed")
    with pytest.raises(redis.ResponseError), answering():
        raise ours  # control


def test_a_mistake_of_ours_is_not_called_an_outage(own: Parts, board: str) -> None:
    own.client.set(keys.board(board), "not a hash")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        add(own, board, 1)
    with pytest.raises(KeyError):
        Scripts(own.client).read("no_such_script", [], [])


# Replicated ----------------------------------------------------------------------------------------------------------


def test_a_replicated_score_is_on_the_replica_when_it_is_acknowledged(
    primary: Valkey, replica: Valkey, board: str
) -> None:
    with opened(primary.url, "replicated") as parts:
        parts.boards.put(board, SUM)
        for expected in range(1, 51):
            assert add(parts, board, 1) == expected
            assert replica.client.zscore(keys.ranking(board, "all"), "a") == expected


def test_a_score_that_no_replica_has_is_not_acknowledged(primary: Valkey, replica: Valkey, board: str) -> None:
    with opened(primary.url, "replicated") as parts, opened(primary.url) as careless:
        parts.boards.put(board, SUM)
        add(parts, board, 1)
        replica.pause()
        try:
            began = time.monotonic()
            with pytest.raises(StoreUnavailable, match="No replica confirmed"):
                add(parts, board, 1)
            assert REPLICA_WAIT_MS / 1000 - 0.1 < time.monotonic() - began < REPLICA_WAIT_MS / 1000 + 1
            add(careless, board, 1)  # control: with another durability nobody waits
        finally:
            replica.resume()
        assert add(parts, board, 1) == 4  # it was not acknowledged, but it was written


def test_replicated_without_a_replica_acknowledges_nothing(board: str) -> None:
    refused = pytest.raises(StoreUnavailable, match="No replica confirmed")
    with valkey() as alone, opened(alone.url, "replicated") as parts, refused:
        parts.boards.put(board, SUM)


def test_a_refusal_by_the_script_is_one_in_every_durability(primary: Valkey, replica: Valkey, board: str) -> None:
    with opened(primary.url, "replicated") as parts:
        parts.boards.put(board, SUM)
        parts.scores.load(board, [Score("a", 1)], Mark("i", "", "1"))
        with pytest.raises(MarkMoved):
            parts.scores.load(board, [Score("a", 1)], Mark("i", "", "1"))
