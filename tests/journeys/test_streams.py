"""Streams end to end: payments and score events through real servers and workers, some of which are killed."""

import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
import socketio

from dashboard.store import keys
from tests.conftest import ROOT, Api, ServerProcess, Start
from tests.store.hold import is_gone, server_pid, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills as Linux does")

STREAM = "payments-stream"


def store_of(server: ServerProcess) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(server.data_dir / "store/valkey.sock"))


def ledger(data_dir: Path) -> Counter[str]:
    """Entry id -> lines in the ledger."""
    connection = sqlite3.connect(data_dir / "scorecast.db")
    try:
        return Counter(id for (id,) in connection.execute("SELECT id FROM payments"))
    finally:
        connection.close()


class Workers:
    """`run.py worker` processes on a store, started and killed."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.running: dict[str, subprocess.Popen[str]] = {}

    def start(self, name: str, kind: str = "all") -> None:
        """Returns when it works."""
        command = [sys.executable, str(ROOT / "run.py"), "worker", "--kind", kind, "--name", name]
        process = subprocess.Popen(
            [*command, "--data-dir", str(self._data_dir)],
            cwd=self._data_dir,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self.running[name] = process
        assert process.stdout is not None
        assert process.stdout.readline() == f"Worker {name} works on {kind}\n"

    def kill(self, name: str) -> None:
        self._ended(self.running.pop(name), subprocess.Popen.kill)

    def end(self) -> None:
        """As Ctrl-C does; each must end well."""
        codes = [self._ended(process, subprocess.Popen.terminate) for process in self.running.values()]
        self.running.clear()
        assert codes == [0] * len(codes)

    @staticmethod
    def _ended(process: "subprocess.Popen[str]", how: Callable[["subprocess.Popen[str]"], None]) -> int:
        how(process)
        code = process.wait(15)
        assert process.stdout is not None
        process.stdout.close()
        return code


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    """Workers on the store of a server that carries none itself."""
    crew = Workers(tmp_path / "data")
    yield crew
    for name in list(crew.running):
        crew.kill(name)


def is_settled(api: Api, id: str) -> bool:
    return bool(api.get(f"/payments/{id}")["status"] == "settled")


def is_quiet(api: Api, *streams: str) -> bool:
    shown = [api.get(f"/streams/{stream}") for stream in streams]
    return all(stream["groups"] and stream["lag"] == stream["pending"] == 0 for stream in shown)


# One server --------------------------------------------------------------------------------------------------------


def test_a_payment_is_accepted_settled_and_announced(server: ServerProcess, api: Api) -> None:
    viewer = socketio.SimpleClient()
    viewer.connect(server.url)
    viewer.call("subscribe", {"topic": "channel:orders"})
    response = api.call("POST", "/payments", json={"user": 42, "amount": "99.00", "currency": "EUR", "order": "5001"})
    assert response.status_code == 202
    queued = response.json()
    assert queued["status"] == "queued"
    assert response.headers["Location"] == f"/api/v1/payments/{queued['id']}"
    wait_until(partial(is_settled, api, queued["id"]))
    settled = api.get(f"/payments/{queued['id']}")
    assert (settled["user"], settled["amount"], settled["currency"]) == ("42", "99.00", "EUR")
    with store_of(server) as store:
        id = store.execute_command("XADD", STREAM, "*", "user", "42", "amount", "99.00").decode()
    wait_until(partial(is_settled, api, id))
    heard = [viewer.receive(timeout=5) for _ in range(2)]
    assert [(event, frame["message"]) for event, frame in heard] == [
        ("message", "Order #5001 paid"),
        ("message", f"Order #{id} paid"),
    ]
    viewer.disconnect()


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"user": "42", "amount": 99}, ["/amount"]),
        ({"user": "42", "amount": "-1.00"}, ["/amount"]),
        ({"amount": "1.00", "x": 1}, ["/user", "/x"]),
        ({"user": None, "amount": None}, ["/user", "/amount"]),
        ([1], [""]),
        ({"user": "42", "amount": "1", "retry-of": "1-0"}, ["/retry-of"]),
    ],
)
def test_a_bad_payment_is_refused_with_its_mistakes(api: Api, body: object, pointers: list[str]) -> None:
    response = api.call("POST", "/payments", json=body)
    assert response.status_code == 422
    assert sorted(error["pointer"] for error in response.json()["errors"]) == sorted(pointers)


def test_streams_show_their_groups_and_dead_letters_which_can_be_put_back(server: ServerProcess, api: Api) -> None:
    with store_of(server) as store:
        id = store.xadd(STREAM, {"user": "42", "amount": "a lot"}).decode()
    wait_until(lambda: api.get(f"/payments/{id}")["status"] == "failed")
    shown = api.get(f"/streams/{STREAM}")
    [group] = shown["groups"]
    assert (shown["stream"], group["group"], group["lag"], group["pending"]) == (STREAM, "payments", 0, 0)
    assert group["consumers"][0].keys() == {"consumer", "pending", "idle_ms"}
    letter = next(letter for letter in shown["dead_letters"] if letter["entry"] == id)
    assert letter["fields"] == {"user": "42", "amount": "a lot"}
    assert "amount" in letter["error"]
    back = api.call("POST", f"/streams/{STREAM}/dead/{letter['id']}/retry")
    assert back.status_code == 202
    wait_until(lambda: api.get(f"/payments/{id}").get("letter", letter["id"]) != letter["id"])
    again = api.call("POST", f"/streams/{STREAM}/dead/{letter['id']}/retry")
    assert (again.status_code, again.json()["code"]) == (404, "entry-not-found")
    assert STREAM in [stream["stream"] for stream in api.get("/streams")["streams"]]
    for name in ("other", "sc:boards", "events:no-such-board", "events:"):
        refused = api.call("GET", f"/streams/{name}")
        assert (refused.status_code, refused.json()["code"]) == (404, "stream-not-found")
    assert api.call("GET", "/payments/1-1").status_code == 404


def test_only_operators_put_dead_letters_back(start_server: Start) -> None:
    server = start_server("--operator-key", "op", "--workers", "0")
    path = f"/streams/{STREAM}/dead/1-1/retry"
    assert Api(server.url).call("POST", path).status_code == 401
    assert Api(server.url, "op").call("POST", path).status_code == 404


def test_entries_reach_a_browser_that_comes_back_after_its_last_one(
    server: ServerProcess, api: Api, board: str
) -> None:
    topic = f"stream:events:{board}"
    first = api.post(f"/boards/{board}/scores", {"player": "a", "score": 1})["position"]
    viewer = socketio.SimpleClient()
    viewer.connect(server.url)
    answer = viewer.call("subscribe", {"topic": topic})
    assert answer["snapshot"]["last"] == first
    second = api.post(f"/boards/{board}/scores", {"player": "b", "score": 2})["position"]
    event, entry = viewer.receive(timeout=5)
    assert (event, entry["topic"], entry["id"]) == ("entry", topic, second)
    assert (entry["fields"]["player"], entry["fields"]["score"]) == ("b", "2")
    viewer.disconnect()
    missed = [api.post(f"/boards/{board}/scores", {"player": "c", "score": n})["position"] for n in range(3)]
    viewer = socketio.SimpleClient()
    viewer.connect(server.url)
    answer = viewer.call("subscribe", {"topic": topic, "after": second})
    assert answer["snapshot"] == {"last": missed[-1], "replayed": 3, "complete": True}
    missed.append(api.post(f"/boards/{board}/scores", {"player": "c", "score": 9})["position"])
    assert [viewer.receive(timeout=5)[1]["id"] for _ in missed] == missed
    for bad, code in (({"topic": topic, "after": "x"}, "invalid"), ({"topic": "stream:keys"}, "stream-not-found")):
        assert viewer.call("subscribe", bad)["error"]["code"] == code
    viewer.disconnect()


def test_the_panels_show_what_flows(server: ServerProcess, api: Api, board: str) -> None:
    viewer = socketio.SimpleClient()
    viewer.connect(server.url)
    before = viewer.call("subscribe", {"topic": "analytics"})["snapshot"]["counted"]
    viewer.call("subscribe", {"topic": "streams"})
    api.post(f"/boards/{board}/scores", {"scores": [{"player": f"p{n}", "score": n} for n in range(100)]})
    seen: dict[str, dict[str, Any]] = {}
    fastest = 0.0
    while seen.get("analytics", {}).get("counted", 0) < before + 100 or "streams" not in seen or not fastest:
        event, frame = viewer.receive(timeout=5)
        seen[event] = frame
        fastest = max(fastest, frame.get("scores_per_second", 0.0))
    [row] = [row for row in seen["analytics"]["boards"] if row["board"] == board]
    assert (row["counted"], row["missed"], row["active_players"]) == (100, 0, 100)
    assert sum(bin["scores"] for bin in seen["analytics"]["distribution"]) >= 100
    assert STREAM in [stream["stream"] for stream in seen["streams"]["streams"]]
    viewer.disconnect()


def test_workers_go_on_when_the_store_was_killed(start_server: Start) -> None:
    server = start_server()
    api = Api(server.url)
    first = api.post("/payments", {"user": "42", "amount": "1.00"})["id"]
    wait_until(partial(is_settled, api, first))
    pid = server_pid(f"unix://{server.data_dir}/store/valkey.sock")
    subprocess.run(["kill", "-9", str(pid)], check=True)
    assert is_gone(pid)

    def accepted() -> Any:
        response = api.call("POST", "/payments", json={"user": "42", "amount": "2.00"})
        return response.json()["id"] if response.status_code == 202 else None

    wait_until(lambda: accepted() is not None)
    wait_until(partial(is_quiet, api, STREAM), 20)
    with store_of(server) as store:
        ids = [id.decode() for id, _ in store.xrange(STREAM)]
    assert ledger(server.data_dir) == Counter(ids)
    api.session.close()


# Servers and workers apart ----------------------------------------------------------------------------------------


def test_killed_between_commit_and_acknowledgement_a_payment_is_settled_and_announced_once(
    start_server: Start, workers: Workers
) -> None:
    server = start_server("--workers", "0")
    api = Api(server.url)
    id = api.post("/payments", {"user": "42", "amount": "99.00"})["id"]
    assert api.get(f"/payments/{id}")["status"] == "queued"
    command = [sys.executable, "-m", "tests.journeys.paused_worker", str(server.data_dir)]
    paused = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert paused.stdout is not None
    assert paused.stdout.readline() == f"{id}\n"
    paused.kill()
    paused.wait(10)
    paused.stdout.close()
    assert ledger(server.data_dir) == {id: 1}
    assert api.get(f"/streams/{STREAM}")["pending"] == 1
    with store_of(server) as store, store.pubsub(ignore_subscribe_messages=True) as orders:
        orders.subscribe(keys.ORDERS)
        assert orders.get_message(timeout=2) is None  # the answer to subscribe
        workers.start("paused", "payments")  # under the same name: at once
        message = orders.get_message(timeout=10)
        assert message is not None
        assert message["data"].decode() == f"Order #{id} paid"
        wait_until(partial(is_quiet, api, STREAM))
        assert orders.get_message(timeout=0.1) is None
    assert ledger(server.data_dir) == {id: 1}
    workers.end()
    api.session.close()


@pytest.mark.parametrize(
    ("crew", "kills", "payments", "batches"),
    [(2, 3, 120, 12), pytest.param(4, 50, 3_000, 200, marks=pytest.mark.soak)],
)
def test_payments_and_score_events_count_once_whoever_is_killed(
    start_server: Start, workers: Workers, crew: int, kills: int, payments: int, batches: int
) -> None:
    """The soak also leaves a killed worker dead: the others take over what it had, within 30 s."""
    chance = random.Random(7)
    server = start_server("--workers", "0")
    api = Api(server.url)
    with store_of(server) as store, store.pubsub(ignore_subscribe_messages=True) as orders:
        orders.subscribe(keys.ORDERS)
        assert orders.get_message(timeout=2) is None  # the answer to subscribe
        for n in range(crew):
            workers.start(f"w{n}")
        ids, poison, boards = [], [], ["kills-a", "kills-b"]
        for n in range(kills + 1):
            for _ in range(batches // (kills + 1)):
                scores = [{"player": f"p{k}", "score": chance.randint(1, 10**6)} for k in range(100)]
                api.post(f"/boards/{chance.choice(boards)}/scores", {"scores": scores})
            with store.pipeline(transaction=False) as pipe:
                for _ in range(payments // (kills + 1)):
                    pipe.xadd(STREAM, {"user": "42", "amount": "99.00"})
                ids += [id.decode() for id in pipe.execute()]
            poison.append(store.xadd(STREAM, {"user": "42", "amount": "99.001"}).decode())
            if n < kills:
                settled = ledger(server.data_dir).total()
                aim = settled + chance.randint(0, max(1, (len(ids) - settled) // 2))
                wait_until(lambda aim=aim: ledger(server.data_dir).total() >= aim, 60)  # type: ignore[misc]
                victim = chance.choice(sorted(workers.running))
                workers.kill(victim)
                if crew == 2 or n < kills - 1:
                    workers.start(victim)
                if (n + 1) % 10 == 0:
                    print(f"{n + 1} workers killed, {ledger(server.data_dir).total()} payments settled")
        wait_until(partial(is_quiet, api, STREAM, *(f"events:{board}" for board in boards)), 30)
        workers.end()
        assert ledger(server.data_dir) == Counter(ids)
        heard: Counter[str] = Counter()
        while message := orders.get_message(timeout=0.2):
            heard[message["data"].decode()] += 1
        assert heard == Counter(f"Order #{id} paid" for id in ids)
        letters = api.get(f"/streams/{STREAM}", limit=1000)["dead_letters"]
        assert sorted(letter["entry"] for letter in letters) == poison
        for board in boards:
            taken = int(store.hget(keys.board(board), "scores"))
            assert {k: int(v) for k, v in store.hgetall(keys.tally(board)).items()} == {b"counted": taken}
    api.session.close()
