"""The two lanes of socket events give the same answers and do the same.

An event that names its namespace (`42/,1[...]`) is the same event, and goes the plain way: so the same events are sent twice
to one server.
"""

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import requests

from dashboard.store import keys
from dashboard.web.hot_events import LONGEST
from tests.conftest import Api, ServerProcess, Start
from tests.store.hold import wait_until
from tests.web.test_lanes import SETTINGS, TEXTS, some_score, some_were_refused, state
from tests.wire.client import Raw, masked

BODIES = [text.decode(errors="replace") for text in TEXTS if text.isascii()]
CHANGING = re.compile(r'"(position|review|at)":"\d[0-9TZ:.-]*"')


def some_writing(chance: random.Random, board: str) -> str:
    """The payload of a `score` or `scores`, as a rule."""
    if chance.random() < 0.15:
        body = chance.choice(BODIES).strip()
        return f'{{"board":"{board}",{body[1:]}' if chance.random() < 0.6 else body
    named = chance.choice([{}, {"board": 1}, {"board": "-"}]) if chance.random() < 0.05 else {"board": board}
    value: Any = some_score(chance)
    if chance.random() < 0.3:
        value = {"scores": [some_score(chance) for _ in range(chance.randint(0, 5))]}
    if chance.random() < 0.5:
        value = {"player": chance.choice("abc"), "score": chance.randint(-50, 2000)}
        if chance.random() < 0.4:
            value = {"scores": [value | {"score": n} for n in range(chance.randint(1, 5))]}
    whole = value | named if chance.random() < 0.2 else named | value
    separators = chance.choice([(",", ":"), (", ", ": "), (" ,\n", "\t:")])
    return json.dumps(whole, ensure_ascii=chance.random() < 0.5, separators=separators)


def some_watching(chance: random.Random, still: str) -> str:
    """The payload of a `subscribe` or `unsubscribe`, as a rule; `still` is a board that does not move."""
    topic: Any = chance.choice([f"board:{still}:all"] * 6 + [f"board:{still}:day", "locks", "board:", 7, "stream:none"])
    value: Any = {"topic": topic}
    if chance.random() < 0.5:
        value["limit"] = chance.choice([5, 5, 10, 0, 1001, 1.0, "5", None])
    if chance.random() < 0.1:
        value[chance.choice(["after", "other"])] = "1-1"
    return json.dumps(value, separators=chance.choice([(",", ":"), (", ", ": ")]))


def some_event(chance: random.Random, still: str) -> Callable[[str], str]:
    """The JSON of an event, for a board."""
    seed, kind = (
        chance.random(),
        chance.choice(["score"] * 4 + ["scores"] * 3 + ["subscribe", "subscribe", "unsubscribe"]),
    )
    end = chance.choice(["]"] * 30 + ["", "]]", ",1]", " ]", "] "])

    def text(board: str) -> str:
        again = random.Random(seed)
        payload = some_writing(again, board) if kind[:5] == "score" else some_watching(again, still)
        return f'["{kind}",{payload}{end}'

    return text


def answers(client: Raw, ids: list[int]) -> list[str]:
    """What was answered to those events; the first that begins otherwise is a frame of a watched board."""
    found = []
    for id in ids:
        while not (text := client.text()).startswith(f"43{id}["):
            assert text.startswith("42"), f"an answer out of its order: {text}"
        found.append(text[2:])
    return found


def hot(url: str) -> int:
    """How many events the hot lane has answered."""
    text = requests.get(f"{url}/metrics", timeout=10).text
    return int(float(re.findall(r"^scorecast_hot_events_total (\S+)", text, re.MULTILINE)[0]))


def compare(url: str, board: str, seed: int, events: int) -> int:
    """Send as many events over both lanes; how many the hot one answered."""
    chance, before, sent, port = random.Random(seed), hot(url), 0, int(url.rpartition(":")[2])
    still = f"{board}-still"
    scores = [{"player": f"p{n}", "score": n} for n in range(20)]
    requests.post(f"{url}/api/v1/boards/{still}/scores", json={"scores": scores}, timeout=10)
    with Raw(port) as five, Raw(port) as ten:
        for keeper, limit in ((five, 5), (ten, 10)):
            keeper.ask("subscribe", {"topic": f"board:{still}:all", "limit": limit})
        while sent < events:
            names = (f"{board}-h{sent}", f"{board}-p{sent}")
            settings = chance.choice(SETTINGS)
            for name in names:
                assert requests.put(f"{url}/api/v1/boards/{name}", json=settings, timeout=10).status_code == 201
            keys = [f"X-API-Key: {name}\r\n" for name in names]
            with Raw(port, header=keys[0]) as fast, Raw(port, header=keys[1]) as plain:
                for _ in range(6):
                    asked = [some_event(chance, still) for _ in range(chance.randint(1, 6))]
                    ids = list(range(sent, sent := sent + len(asked)))
                    texts = [one(names[0]) for one in asked]
                    data = b"".join(masked(f"42{id}{text}".encode()) for id, text in zip(ids, texts, strict=True))
                    pieces = sorted(chance.sample(range(1, len(data)), chance.randint(0, 4)))
                    for start, end in zip([0, *pieces], [*pieces, len(data)], strict=True):
                        fast.send(data[start:end])
                    for id, one in zip(ids, asked, strict=True):
                        plain.send(masked(f"42/,{id}{one(names[1])}".encode()))
                    got, wanted = answers(fast, ids), answers(plain, ids)
                    assert [shown(text, names[0]) for text in got] == [shown(text, names[1]) for text in wanted], texts
            assert state(url, names[0]) == state(url, names[1]), seed
    return hot(url) - before


def shown(answer: str, board: str) -> str:
    """Without what tells two moments and two boards apart."""
    if '"code":"rate-limited"' in answer:
        answer = re.sub(r'(again in |_s":)[\d.]+', r"\1SECONDS", answer)
    return CHANGING.sub(r'"\1":"TIME"', answer.replace(board, "BOARD"))


@pytest.fixture
def url(servers: Callable[[str], ServerProcess]) -> Iterator[str]:
    server = servers("eventlet")
    yield server.url
    mistakes = [words for words in server.errors if "Traceback" in words or "failed" in words]
    assert not mistakes, "".join(server.errors)


def test_both_lanes_give_the_same_answers_and_do_the_same(url: str, board: str) -> None:
    assert compare(url, board, 1, 300) > 30  # a control: without a hot lane it is 0


def test_both_lanes_count_alike_and_refuse_alike(limited: str, board: str) -> None:
    assert compare(limited, board, 1, 300) > 30
    assert some_were_refused(limited), "a control: some reached their limit"


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 12))
def test_both_lanes_agree_on_thousands_of_events(url: str, board: str, seed: int) -> None:
    assert compare(url, board, seed, 500) > 100


def test_which_events_are_hot(url: str, board: str, api: Api) -> None:
    requests.post(f"{url}/api/v1/boards/{board}/scores", json={"player": "a", "score": 1}, timeout=10)
    topic = f"board:{board}:all"
    one, long = {"player": "a", "score": 2}, [{"player": f"{n:0100}", "score": 1} for n in range(LONGEST // 100)]
    with Raw(int(url.rpartition(":")[2])) as client, Raw(int(url.rpartition(":")[2])) as watcher:
        client.ask("score", {"board": board, **one})  # the first after a board was made reads its settings
        watcher.ask("subscribe", {"topic": topic})
        for event, payload, times in (
            *(("score", {"board": board, **one}, 1), ("score", one | {"board": board}, 1)),
            *(
                ("scores", {"board": board, "scores": [one, {"player": ""}, one]}, 1),
                ("scores", {"board": board, **one}, 0),
            ),
            *(("score", {"board": board, "player": "Zoë", "score": 1, "data": [1]}, 1), ("score", {"board": board}, 0)),
            *(
                ("scores", {"board": board, "scores": [{"player": ""}]}, 0),
                ("scores", {"board": board, "scores": long}, 0),
            ),
            *(("subscribe", {"topic": topic, "limit": 11}, 0), ("sync", {"topic": topic, "position": "0-1"}, 0)),
            *(("unsubscribe", {"topic": f"{topic}x"}, 0), ("unsubscribe", {"topic": "limits"}, 0)),
        ):
            before = hot(url)
            client.ask(event, payload)
            assert hot(url) - before == times, (event, payload)
        for event in ("subscribe", "unsubscribe"):
            other = "unsubscribe" if event == "subscribe" else "subscribe"

            def is_hot(event: str = event, other: str = other) -> bool:  # not while a tick reads
                client.ask(other, {"topic": topic})
                before = hot(url)
                return "error" not in client.ask(event, {"topic": topic}) and hot(url) > before

            wait_until(is_hot)


def test_scores_of_one_client_keep_their_order_in_both_lanes(url: str, board: str) -> None:
    """Every second one is left to the plain lane."""
    requests.put(f"{url}/api/v1/boards/{board}", json={"rule": "last"}, timeout=10)
    before = hot(url)
    with Raw(int(url.rpartition(":")[2])) as client:
        texts = [f'42{"/," * (n % 2)}{n}["score",{{"board":"{board}","player":"a","score":{n}}}]' for n in range(400)]
        client.send(b"".join(masked(text.encode()) for text in texts))
        heard = [client.text() for _ in texts]
    assert [text.partition(',"rank')[0] for text in heard] == [f'43{n}[{{"player":"a","score":{n}' for n in range(400)]
    assert hot(url) - before > 150


def test_what_is_remembered_of_viewers_words_stays_small(
    servers: Callable[[str], ServerProcess], url: str, board: str
) -> None:
    """The same long snapshot is asked for in many ways."""
    topic, scores = f"board:{board}:all", [{"player": f"{n:0120}", "score": n} for n in range(1000)]
    requests.post(f"{url}/api/v1/boards/{board}/scores", json={"scores": scores}, timeout=10)
    statm, port = Path(f"/proc/{servers('eventlet').process.pid}/statm"), int(url.rpartition(":")[2])
    with Raw(port) as watcher, Raw(port) as client:
        watcher.ask("subscribe", {"topic": topic, "limit": 1000})

        def ask(count: int) -> int:
            """As many subscriptions, no two in the same words; the pages of memory in use behind them."""
            for n in range(count):
                client.say(f'42{n}["subscribe",{{"topic":"{topic}",{" " * n}"limit":1000}}]')
                answers(client, [n])
            return int(statm.read_text(encoding="ascii").split()[1])

        before, hot_before = ask(20), hot(url)
        assert (ask(400) - before) * 4 < 20_000, "kB"
        assert hot(url) - hot_before > 300


def test_a_mistake_of_ours_is_in_the_log_as_its_answer_says(start_server: Start, board: str) -> None:
    server = start_server("--workers", "0")
    one = {"player": "a", "score": 1}
    requests.post(f"{server.url}/api/v1/boards/{board}/scores", json=one, timeout=10)
    with redis.Redis(unix_socket_path=str(server.data_dir / "store/valkey.sock")) as store:
        store.delete(keys.events(board))
        store.set(keys.events(board), "not a stream")
    before = hot(server.url)
    with Raw(int(server.url.rpartition(":")[2])) as client:
        for namespace in ("", "/,"):
            for event, value in (("score", one), ("scores", {"scores": [one]})):
                seen = len(server.errors)
                client.say(f"42{namespace}1{json.dumps([event, {'board': board, **value}])}")
                assert '"code":"internal"' in client.text()
                for words in (f"socket event {event} failed", "WRONGTYPE"):
                    wait_until(lambda words=words, seen=seen: any(words in line for line in server.errors[seen:]))  # type: ignore[misc]
    assert hot(server.url) - before == 2
