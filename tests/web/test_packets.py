"""Ill packets: an event that can be answered is answered, and no packet harms its connection, another or the log."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.web.bodies import MAX_BYTES
from tests.conftest import Api, ServerProcess
from tests.web.wire import Wire

EVENTS = ("subscribe", "unsubscribe", "score", "scores", "sync")
DEEP = "[" * 50_000


@pytest.fixture
def wire(server: ServerProcess) -> Iterator[Wire]:
    before = len(server.errors)
    with Wire(server.url) as opened:
        yield opened
        assert opened.ask("unsubscribe", {"topic": "board:b:all"})["error"]["status"] == 409, "the connection is well"
    assert server.errors[before:] == []


def status(answer: Any) -> tuple[int, str]:
    return answer["error"]["status"], answer["error"]["code"]


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize(
    "payload",
    [
        '{"board":"b","player":"a","score":NaN}',
        '{"board":"b","player":"a","score":Infinity}',
        '{"board":"b","player":"a","score":1e999}',
        '{"board":"b","player":"a","score":1,"score":2}',
        '{"board":"b","player":"a","score":' + "9" * 10_000 + "}",
        '{"board":"b","scores":[],"\\ud800":1}',
        '{"topic":"\\ud800"}',
        DEEP + "]" * 50_000,
        "[" * 900 + "]" * 900,
        "{",
        "{'topic':1}",
    ],
    ids=lambda payload: payload[:40],
)
def test_a_payload_that_is_not_strict_json_is_answered_with_400(wire: Wire, event: str, payload: str) -> None:
    assert status(wire.ask_text(f'["{event}",{payload}]')) == (400, "malformed")


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("payloads", [[], [{}, {}], [None, None, None]])
def test_an_event_takes_exactly_one_payload(wire: Wire, event: str, payloads: list[object]) -> None:
    answer = wire.ask(event, *payloads)
    assert status(answer) == (422, "invalid")
    assert f"not {len(payloads)}" in answer["error"]["detail"]


@pytest.mark.parametrize("event", EVENTS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payload=st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["topic", "board", "player", "score", "scores", "limit", "position", "at", "x"]), inner
            )
        ),
        max_leaves=6,
    )
)
def test_any_payload_is_answered(server: ServerProcess, event: str, payload: Any) -> None:
    before = len(server.errors)
    with Wire(server.url) as wire:
        answer = wire.ask(event, payload)
        assert isinstance(answer, dict)
        if "error" in answer:
            assert 400 <= answer["error"]["status"] < 500
    assert server.errors[before:] == []


def test_an_unknown_event_is_answered_and_does_no_harm(wire: Wire) -> None:
    answer = wire.ask("publish it", {"a": 1})
    assert status(answer) == (404, "not-found")
    assert "publish it" in answer["error"]["detail"]
    wire.send('42["publish it",1]')  # nobody waits for an answer


@pytest.mark.parametrize("event", ["connect", "disconnect", "connect_error"])
def test_the_names_of_the_protocol_are_no_events(wire: Wire, event: str) -> None:
    topic = {"topic": f"board:reserved-{event}:all"}
    assert "snapshot" in wire.ask("subscribe", topic)
    assert status(wire.ask(event, {"HTTP_X_API_KEY": "x"}, {"key": "x"}))[0] in (400, 404)
    assert wire.ask("unsubscribe", topic) == topic, "still subscribed"


@pytest.mark.parametrize(
    "text",
    ["{}", '{"a":1}', "[]", "[1,2]", '[["score"],{}]', '[{"a":1},2]', "[null]", '"score"', "true", "", "[", '["score"'],
)
def test_an_event_without_a_name_is_answered(wire: Wire, text: str) -> None:
    assert status(wire.ask_text(text)) == (400, "malformed")


@pytest.mark.parametrize(
    "packet",
    [
        *("4", "42", "42[]", "42{", "44{}", "45", "46", "47", "48", "49", "4x", '4"x"', "4[1]", '4{"a":1}', f"4{DEEP}"),
        *(
            "43",
            '431["x"]',
            "431",
            "43[]",
            "40",
            '40{"a"',
            "40[1]",
            f"40{DEEP}",
            '42/foo,1["score",{}]',
            "41/foo,",
            "42²",
        ),
        *(
            "0",
            "2",
            "3",
            "5",
            "6",
            "7",
            "8",
            "9",
            f'42{"1" * 150}["score",{{}}]',
            '42-["x"]',
            '429999999999999-["x"]',
        ),
    ],
    ids=lambda packet: packet[:20],
)
def test_a_packet_that_is_none_does_no_harm(wire: Wire, packet: str) -> None:
    wire.send(packet)


def test_a_binary_payload_is_refused_and_its_bytes_are_dropped(wire: Wire) -> None:
    for id, place in enumerate((0, 7, -1, '"x"'), 901):
        wire.send(f'451-{id}["score",{{"_placeholder":true,"num":{place}}}]')
        wire.send_bytes(b"\x00" * 100)
        assert status(wire.answer(str(id))) == (400, "malformed")
    wire.send_bytes(b"2")
    wire.send("bAAEC")


def test_a_payload_of_full_size_is_answered_and_one_byte_more_is_413(wire: Wire) -> None:
    frame = len('["score",{"player":""}]')
    assert status(wire.ask_text('["score",{"player":"%s"}]' % ("a" * (MAX_BYTES - frame)))) == (422, "invalid")
    assert status(wire.ask_text('["score",{"player":"%s"}]' % ("a" * (MAX_BYTES - frame + 1)))) == (413, "too-large")


def test_a_client_that_never_connects_to_the_namespace_does_no_harm(server: ServerProcess) -> None:
    before = len(server.errors)
    with Wire(server.url) as wire:
        wire.send("41")
        wire.send('421["score",{"board":"b","player":"never","score":1}]')
        wire.send("40")
        assert wire.hear()[0].startswith("40{"), "and may connect again; its event was not taken"
    assert server.errors[before:] == []


def test_control_an_ill_packet_between_good_ones_changes_nothing(wire: Wire, board: str) -> None:
    for n in range(3):
        wire.begin("score", {"board": board, "player": "a", "score": n})
        wire.send("42{")
    assert wire.ask("score", {"board": board, "player": "a", "score": 9})["previous_rank"] == 1
    assert [answer["score"] for id, answer in wire.heard if id.isdigit()] == [0, 1, 2, 9]


def test_a_burst_of_events_in_one_polling_request_is_taken_whole(server: ServerProcess, api: Api, board: str) -> None:
    """A client that polls sends what it has queued in one request; at 17 packets the library dropped them all."""
    polling = f"{server.url}/socket.io/?EIO=4&transport=polling"
    with requests.Session() as session:
        sid = json.loads(session.get(polling, timeout=20).text[1:])["sid"]
        session.post(f"{polling}&sid={sid}", data="40", timeout=20)
        scores = (json.dumps(["score", {"board": board, "player": f"p{n}", "score": n}]) for n in range(500))
        burst = "\x1e".join(f"42{n}{score}" for n, score in enumerate(scores))
        assert session.post(f"{polling}&sid={sid}", data=burst, timeout=20).status_code == 200
        assert api.get(f"/boards/{board}/top", limit=1)["players"] == 500
        session.post(f"{polling}&sid={sid}", data="1", timeout=20)
