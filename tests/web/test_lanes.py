"""The two lanes of `POST /boards/{board}/scores` give the same answers and do the same.

A request with a cookie goes the plain way, whatever else it is: so the same requests are sent twice to one server.
"""

import itertools
import json
import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis
import requests

from dashboard.store import keys
from dashboard.wire.http_lane import AHEAD
from tests.conftest import ServerProcess, Start
from tests.store.hold import wait_until
from tests.web.raw import Answer, Line, chunked, request

PLAIN = "Cookie: way=plain"
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"rule": "sum", "periods": ["all", "day"]},
    {"rule": "last", "order": "asc", "ties": "dense"},
    {"ties": "first", "columns": [{"name": "kills", "order": "desc"}]},
    {"rule": "sum", "max_step": 1000, "min": -500, "max": 5000},
    {"review": {"above": 500}},
    {"shards": 4},
)
NAMES = (
    "a",
    "b",
    "Zoë",
    "Z\u0065\u0308ro",
    "李",
    "x" * 128,
    "x" * 129,
    "",
    " ",
    'q"',
    "back\\slash",
    "\x7f",
    "😀",
    "tab\t",
)
SCORES = (0, 1, -1, 7, 400, 999, 2**53 - 1, 2**53, -(2**53), 10**30, 1.5, 1e3, "5", None, True)
TEXTS = (
    *(
        b"",
        b" ",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"{}",
        b"\xff",
        b'{"player":"a","score":1}x',
        b'{"player":"a","score":01}',
    ),
    *(b'{"player":"a","score":-0}', b'{"player":"a","score":1e2}', b'{"player":"a","score":NaN}'),
    *(b'{"player":"a","player":"b","score":1}', b'{"player":"\\ud800","score":1}', b'{"player":"\\u0061","score":3}'),
    *(b'\r\n {"player" :\t"a" ,"score": 12 } \n', b'\x0b{"player":"a","score":1}', b'{"score":5,"player":"b"}'),
    *(b'\xef\xbb\xbf{"player":"a","score":1}', b'{"player":"\xed\xa0\x80","score":1}', b"[" * 40 + b"]" * 40),
    *(b'{"player":"a","score":999999999999999}', b'{"player":"a","score":9999999999999999}', b'{"scores":[]}'),
    b'{"player":"a\x01","score":1}',
)
HEADERS = (
    *(
        "Accept: */*",
        "X-API-Key: nobody",
        "Authorization: Bearer x",
        "x_api_key: y",
        "Connection: keep-alive",
        "X-Empty:",
    ),
    *("Idempotency-Key: {}", "Idempotency-Key: \x01", "Origin: https://evil.example", "Content-Type: text/plain"),
    *(
        "Content-Type: application/json; charset=utf-8",
        "CONTENT-TYPE: Application/JSON",
        "Content-Type:",
        "X-Odd: \xe9",
    ),
    *(
        "Host: twice",
        "Content-Length: 3",
        "Expect: 100-continue",
        "Connection: close",
        "Content-Length: +3",
        "Content-Length: x",
        "Accept: a\r\n folded",
    ),
)


def masked(answer: Answer, board: str) -> tuple[int, dict[str, str], bytes]:
    """Without what tells two moments and two boards apart."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "content-length")}
    for name in ("ratelimit", "retry-after"):
        if name in headers:
            headers[name] = re.sub(r"(t=|^)\d+", r"\1SECONDS", headers[name])
    body = answer.body.replace(board.encode(), b"BOARD")
    if answer.status == 429:
        body = re.sub(rb'(again in |_s": )[\d.]+', rb"\1SECONDS", body)
    return answer.status, headers, re.sub(rb'"(position|review|at)":"\d[0-9TZ:.-]*"', rb'"\1":"TIME"', body)


def some_score(chance: random.Random) -> dict[str, Any]:
    score: dict[str, Any] = {"player": chance.choice(NAMES), "score": chance.choice(SCORES)}
    if chance.random() < 0.5:
        score = {"player": chance.choice("abc"), "score": chance.randint(-50, 2000)}
    for name, values in (
        ("at", ("2026-01-01", "2100-01-01", 1, "x")),
        ("id", ("one", "two", "", "ü")),
        ("columns", ({"kills": 3}, {"kills": "x"}, {}, {"other": 1})),
        ("data", ({"k": [1, "é"]}, None, "x" * 2000)),
        ("match", (1, None, 400)),
        ("other", (1,)),
    ):
        if chance.random() < 0.08:
            score[name] = chance.choice(values)
    return score


def some_body(chance: random.Random) -> bytes:
    if chance.random() < 0.2:
        return chance.choice(TEXTS)
    value: Any = some_score(chance)
    if chance.random() < 0.2:
        value = {"scores": [some_score(chance) for _ in range(chance.randint(1, 5))]}
    return json.dumps(
        value, ensure_ascii=chance.random() < 0.5, separators=chance.choice([(",", ":"), (", ", ": ")])
    ).encode()


Sent = Callable[[str, tuple[str, ...]], bytes]


def some_request(chance: random.Random) -> Sent:
    """A request for a board, with more headers."""
    body, path = some_body(chance), "/api/v1/boards/{}/scores"
    headers = tuple(line.replace("{}", f"k{chance.randint(0, 3)}") for line in HEADERS if chance.random() < 0.04)
    if len(body) < 3:  # the rest of a body that is announced but never comes would be waited for
        headers = tuple(line for line in headers if line != "Content-Length: 3")
    if chance.random() < 0.08:
        path = chance.choice(
            [
                "/api/v1/boards/{}/top",
                "/api/v1/boards/{}/scores?x=1",
                "/api/v1/boards/-{}/scores",
                "/api/v1//boards/{}/scores",
            ]
        )
    method = "GET" if path.endswith("top") else chance.choice(["POST"] * 19 + ["PUT"])
    if chance.random() < 0.05:
        return lambda board, more: request(
            method, path.replace("{}", board), chunked(body, 7), "Transfer-Encoding: chunked", *more
        )
    given = None if method == "GET" else body
    return lambda board, more: request(method, path.replace("{}", board), given, *headers, *more)


def exchange(url: str, data: bytes, count: int, pieces: list[int]) -> list[Answer]:
    """Send bytes, cut in pieces; the answers that come before the connection ends, if it does."""
    found = []
    with Line(url) as line:
        with suppress(ConnectionError):  # the server closed it before all was sent; its answers are there
            for start, end in zip([0, *pieces], [*pieces, len(data)], strict=True):
                line.send(data[start:end])
        try:
            for _ in range(count):
                answer = line.answer()
                while answer.status == 100:
                    answer = line.answer()
                found.append(answer)
                if answer.headers.get("connection") == "close":
                    break
        except (EOFError, ConnectionError):
            pass
        except ValueError:  # what follows a body of a wrong length is no request; eventlet answers in HTTP/0.9
            found.append(Answer(0, {}, b""))
    return found


def state(url: str, board: str) -> Any:
    """What a board shows, without its times."""
    shown = []
    for period in ("all", "day"):
        page = requests.get(f"{url}/api/v1/boards/{board}/top?period={period}&limit=1000", timeout=10).json()
        shown.append([{name: row[name] for name in row if name != "at"} for row in page.get("rows", [])])
    return shown


def hot(url: str) -> int:
    """How many posts the hot lane has answered."""
    text = requests.get(f"{url}/metrics", timeout=10).text
    return int(float(re.findall(r"^scorecast_hot_requests_total (\S+)", text, re.MULTILINE)[0]))


def some_were_refused(url: str) -> bool:
    """Whether a caller has nothing left of a limit."""
    subjects = requests.get(f"{url}/api/v1/limits", timeout=10).json()["subjects"]
    return any(subject["remaining"] == 0 for subject in subjects)


def compare(url: str, board: str, seed: int, requests_in_all: int) -> int:
    """Send as many requests over both lanes, which are callers of their own for each board; how many the hot one answered."""
    chance, before, sent = random.Random(seed), hot(url), 0
    while sent < requests_in_all:
        settings, names = chance.choice(SETTINGS), (f"{board}-h{sent}", f"{board}-p{sent}")
        for name in names:
            assert requests.put(f"{url}/api/v1/boards/{name}", json=settings, timeout=10).status_code == 201
        for _ in range(6):
            asked = [some_request(chance) for _ in range(chance.randint(1, 5))]
            sent += len(asked)
            fast = b"".join(one(names[0], (f"X-API-Key: {names[0]}",)) for one in asked)
            plain = b"".join(one(names[1], (PLAIN, f"X-API-Key: {names[1]}")) for one in asked)
            pieces = sorted(chance.sample(range(1, len(fast)), chance.randint(0, 4)))
            got, wanted = exchange(url, fast, len(asked), pieces), exchange(url, plain, len(asked), [])
            assert [masked(a, names[0]) for a in got] == [masked(a, names[1]) for a in wanted], (seed, fast)
        assert state(url, names[0]) == state(url, names[1]), seed
    return hot(url) - before


@pytest.fixture
def url(servers: Callable[[str], ServerProcess]) -> Iterator[str]:
    server = servers("eventlet")
    yield server.url
    mistakes = [words for words in server.errors if "Traceback" in words or "request failed" in words]
    assert not mistakes, "".join(server.errors)


def test_both_lanes_give_the_same_answers_and_do_the_same(url: str, board: str) -> None:
    # a control: without a hot lane it is 0; how many of the pieces arrive as a plain request varies with timing
    assert compare(url, board, 1, 300) > 30


def test_both_lanes_count_alike_and_refuse_alike(limited: str, board: str) -> None:
    assert compare(limited, board, 1, 300) > 30
    assert some_were_refused(limited), "a control: some reached their limit"


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(12, 15))
def test_both_lanes_count_alike_over_thousands(limited: str, board: str, seed: int) -> None:
    assert compare(limited, board, seed, 500) > 60


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 12))
def test_both_lanes_agree_on_thousands_of_requests(url: str, board: str, seed: int) -> None:
    assert compare(url, board, seed, 500) > 60


def test_control_a_cookie_goes_the_plain_way(url: str, board: str) -> None:
    before = hot(url)
    for headers, count in ((), 0), ((PLAIN,), 1), ((), 1), (("Accept: */*",), 2):  # a board's first score is not hot
        with Line(url) as line:
            assert (
                line.ask("POST", f"/api/v1/boards/{board}/scores", b'{"player":"a","score":1}', *headers).status == 200
            )
        assert hot(url) - before == max(0, count - (PLAIN in headers)), headers


def test_more_than_is_read_ahead_is_answered_in_its_order(url: str, board: str) -> None:
    requests.put(f"{url}/api/v1/boards/{board}", json={"rule": "sum"}, timeout=10)
    before, count = hot(url), 2 * AHEAD // 150
    one = request("POST", f"/api/v1/boards/{board}/scores", b'{"player":"a","score":1}', f"X-Long: {'x' * 60}")
    with Line(url) as line:
        sender = threading.Thread(target=line.send, args=(one * count,))
        sender.start()
        assert [line.answer().json()["score"] for _ in range(count)] == list(range(1, count + 1))
        sender.join()
    assert hot(url) - before > count / 2


def test_the_answer_comes_though_the_client_has_finished_sending(url: str, board: str) -> None:
    requests.put(f"{url}/api/v1/boards/{board}", json={}, timeout=10)
    with Line(url) as line:
        line.send(request("POST", f"/api/v1/boards/{board}/scores", b'{"player":"a","score":1}'))
        line.finish()
        assert line.answer().json()["rank"] == 1
        assert line.over


def test_scores_that_come_while_the_store_loses_its_scripts_count_once(start_server: Start, board: str) -> None:
    server = start_server("--workers", "0")
    url = server.url
    requests.put(f"{url}/api/v1/boards/{board}", json={"rule": "sum"}, timeout=10)
    acknowledged, over = [0] * 4, threading.Event()

    def post(index: int) -> None:
        with Line(url) as line:
            while not over.is_set():
                body = json.dumps({"player": f"p{index}", "score": 1}).encode()
                assert line.ask("POST", f"/api/v1/boards/{board}/scores", body).status == 200
                acknowledged[index] += 1

    before = hot(url)
    threads = [threading.Thread(target=post, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    with redis.Redis(unix_socket_path=str(server.data_dir / "store/valkey.sock")) as store:
        for _ in range(10):
            target = sum(acknowledged) + 20
            wait_until(lambda target=target: sum(acknowledged) >= target)  # type: ignore[misc]
            store.script_flush()
    over.set()
    for thread in threads:
        thread.join()
    rows = requests.get(f"{url}/api/v1/boards/{board}/top", timeout=10).json()["rows"]
    assert {row["player"]: row["score"] for row in rows} == {f"p{i}": count for i, count in enumerate(acknowledged)}
    assert hot(url) - before == sum(acknowledged), "all of them took the hot lane"


def test_a_post_that_is_given_back_to_flask_is_not_counted_as_hot(start_server: Start, board: str) -> None:
    server = start_server("--workers", "0")
    path, body = f"/api/v1/boards/{board}", b'{"player":"a","score":1}'
    requests.put(f"{server.url}{path}", json={"rule": "sum"}, timeout=10)
    with (
        Line(server.url) as line,
        redis.Redis(unix_socket_path=str(server.data_dir / "store/valkey.sock")) as store,
    ):
        assert line.ask("POST", f"{path}/scores", body).json()["score"] == 1
        store.hset(keys.board(board), "revision", "as another server changed it")
        assert line.ask("POST", f"{path}/scores", body).json()["score"] == 2
    assert hot(server.url) == 1


def test_a_score_is_counted_once_by_its_limit_though_the_board_changes_meanwhile(
    start_server: Start, board: str
) -> None:
    """What a limit has let through is written, by the hot lane or not, and never taken from the limit again."""
    server = start_server("--workers", "0", env={"RATE_LIMITS": "score:100000/day/key/fixed"})
    path, over = f"/api/v1/boards/{board}", threading.Event()
    requests.put(f"{server.url}{path}", json={"rule": "sum"}, timeout=10)

    def change() -> None:
        for step in itertools.cycle((1000, 2000)):
            if over.is_set():
                return
            requests.put(f"{server.url}{path}", json={"rule": "sum", "max_step": step}, timeout=10)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        with Line(server.url) as line:
            told = [line.ask("POST", f"{path}/scores", b'{"player":"a","score":1}') for _ in range(400)]
    finally:
        over.set()
        changer.join()
    assert [answer.json()["score"] for answer in told] == list(range(1, 401))
    left = [int(re.findall(r"r=(\d+)", answer.headers["ratelimit"])[0]) for answer in told]
    assert left == list(range(99_999, 99_599, -1))
    assert 0 < hot(server.url) <= 400
