"""Connections that the hub serves, on a running server: the protocol, rooms and answers, and every way to end."""

import json
import random
import struct
import threading
import time
import timeit
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import requests
import socketio

from tests.store.hold import wait_until
from tests.web.raw import Line
from tests.wire.client import Raw, masked
from tests.wire.conftest import Run, Site

CLOSING = struct.pack("!H", 1000)


def fragments(first: bytes, rest: list[bytes]) -> bytes:
    return masked(first, 0x01) + b"".join(masked(part, 0x00) for part in rest)


def test_no_extension_is_agreed_on(site: Site) -> None:
    with Raw(site.port, header="Sec-WebSocket-Extensions: permessage-deflate\r\n") as client:
        assert b"xtension" not in client.head


def test_messages_come_in_any_pieces(site: Site) -> None:
    with Raw(site.port) as client:
        client.send(masked(b"hey", 0x89))
        assert client.next() == (10, b"hey")
        client.send(fragments(b"421[", [b'"ec', b""]) + masked(b"p", 0x89) + masked(b'ho",7]', 0x80))
        assert [client.next(), client.next()] == [(10, b"p"), (1, b"431[7]")]
        for byte in masked(b'422["echo",8]'):
            client.send(bytes((byte,)))
        assert client.text() == "432[8]"
        long = masked(b'423["echo","%b"]' % (b"q" * 19_000))
        client.send(long[:7])
        client.send(long[7:9000])
        client.send(long[9000:] + masked(b'424["echo",9]'))
        assert [len(client.text()), client.text()] == [19_007, "434[9]"]
        assert client.ask("echo", "é€😀") == "é€😀"


def test_what_comes_together_with_the_handshake_is_read(site: Site) -> None:
    with Raw(site.port, join=False, behind=masked(b"40") + masked(b'427["echo",1]')) as client:
        assert client.text().startswith("40{")
        assert client.text() == "437[1]"


@pytest.mark.parametrize(
    ("code", "sent"),
    [
        (1009, struct.pack("!BBQ4s", 0x81, 255, 1 << 40, b"mask")),
        (1009, masked(b"4" + b"z" * 30_000)),
        (1009, fragments(b'42["echo","', [b"x" * 4000] * 30)),
        (1009, fragments(b"4", [b""] * 5000)),
        (1002, b"\x81\x0240"),
        (1002, masked(b"xx", 0xC1)),
        (1002, masked(b"x", 0x83)),
        (1002, masked(b"x", 0x09)),
        (1002, masked(b"x" * 126, 0x89)),
        (1002, masked(b"x", 0x80)),
        (1002, masked(b"4", 0x01) + masked(b"40")),
        (1002, masked(b"")),
        (1002, masked(b"hello")),
        (1002, masked(struct.pack("!H", 1005), 0x88)),
        (1002, masked(b"\x03", 0x88)),
        (1007, masked(b"42\xff\xfe")),
        (1007, masked(CLOSING + b"\xff", 0x88)),
        (1000, masked(CLOSING, 0x88)),
        (1000, masked(b"", 0x88)),
    ],
    ids=lambda given: str(given)[:24],
)
def test_who_breaks_a_rule_is_closed_with_its_code(site: Site, code: int, sent: bytes) -> None:
    with Raw(site.port) as client:
        with suppress(ConnectionError):  # it may be closed before all of it was sent
            client.send(sent)
        assert client.closing()[0] == code


@pytest.mark.parametrize("header", ["Sec-WebSocket-Key: short", "Sec-WebSocket-Version: 8", "Upgrade: h2c"])
def test_a_broken_handshake_is_refused(site: Site, header: str) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    headers |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} | dict([header.split(": ")])
    refused = requests.get(f"{site.url}/socket.io/?EIO=4&transport=websocket", headers=headers, timeout=10)
    assert refused.status_code == 400


def test_ill_packets_do_no_harm(site: Site) -> None:
    with Raw(site.port) as client:
        for packet in ("42{", "49", "0", "2", "5", "6", "9", "44"):
            client.say(packet)
        client.send(masked(b"binary", 0x82))
        assert client.ask("echo", 1) == 1


def test_events_of_one_connection_are_handled_one_after_the_other_and_others_do_not_wait(site: Site) -> None:
    before = len(site.get("/state")["handled"])
    with Raw(site.port) as first, Raw(site.port) as second:
        for n, wait_s in enumerate((0.3, 0.0, 0.1, 0.0)):
            first.say(f'42{n}["slow",{wait_s},"first-{n}"]')
        assert second.ask("slow", 0.0, "second") == "second"
        assert [first.text() for _ in range(4)] == [f'43{n}["first-{n}"]' for n in range(4)]
    assert site.get("/state")["handled"][before:] == ["second", *(f"first-{n}" for n in range(4))]


def test_many_events_at_once_are_all_answered_in_order(site: Site) -> None:
    with Raw(site.port) as client:
        client.send(b"".join(masked(b'42%d["echo",%d]' % (n, n)) for n in range(1500)))
        assert [client.text() for _ in range(1500)] == [f"43{n}[{n}]" for n in range(1500)]


def test_a_flood_that_is_not_handled_in_time_is_ended(site: Site) -> None:
    with Raw(site.port) as client:
        client.say('42["slow",0.5,0]')
        client.send(masked(b"4", mask=b"\0\0\0\0") * 5000)
        assert client.closing() == (1013, "too many events wait to be handled")


def test_one_greenlet_at_a_time_handles_the_events_of_a_client(site: Site) -> None:
    """Also where a taker answers while the greenlet that asked it lets others run."""
    before = len(site.get("/state")["handled"])
    with Raw(site.port) as client:
        events = (b'"slow",0,"a"', b'"double",1e-9,0.01', b'"slow",0.1,"b"', b'"slow",0,"c"')
        client.send(b"".join(masked(b"42%d[%b]" % (n, event)) for n, event in enumerate(events)))
        for n in range(4):
            assert client.text().startswith(f"43{n}[")
    assert site.get("/state")["handled"][before:] == ["a", "double", "b", "c"]


@pytest.mark.parametrize(
    "flood", [masked(b"", 0x89), masked(b"3"), masked(b'421["double",0]')], ids=["pings", "pongs", "events"]
)
def test_who_never_ends_talking_leaves_others_their_turns(site: Site, flood: bytes) -> None:
    talkers = [Raw(site.port) for _ in range(3)]
    over = threading.Event()

    def talk(talker: Raw) -> None:
        with suppress(OSError):
            while not over.is_set():
                talker.send(flood * 20_000)

    def listen(talker: Raw) -> None:
        with suppress(OSError):
            while talker.socket.recv(1 << 20):
                pass

    threads = [threading.Thread(target=each, args=(talker,)) for talker in talkers for each in (talk, listen)]
    with Raw(site.port) as other:
        site.do("late")
        for thread in threads:
            thread.start()
        try:
            waits_s = [timeit.timeit(lambda: other.ask("echo", 1), number=1) for _ in range(20)]
            assert max(waits_s) < 1.0
            assert site.do("late") < 0.5, "nothing held the loop for longer"
        finally:
            over.set()
            for talker in talkers:
                talker.reset()
            for thread in threads:
                thread.join(10)


def test_an_event_a_taker_takes_keeps_its_place(site: Site) -> None:
    """`double` is answered by the hub, at once or later, or after all by the application."""
    before = len(site.get("/state")["handled"])
    sent = [
        *(
            ('"double",0.2', "[{}, 0.4]"),
            ('"double",0', "[{}, 0]"),
            ('"slow",0.05,"a"', '"a"'),
            ('"double",0', "[{}, 0]"),
        ),
        *(
            ('"double",-0.05', "-0.05"),
            ('"double",0.01', "[{}, 0.02]"),
            ('"double","text"', '"text"'),
            ('"slow",0,"b"', '"b"'),
        ),
    ]
    with Raw(site.port) as client:
        for n, (event, _) in enumerate(sent):
            client.say(f"42{n}[{event}]")
        answers = [client.text() for _ in sent]
        assert answers == [f"43{n}[{answer}]".format(f'"{client.sid}"') for n, (_, answer) in enumerate(sent)]
        client.send(
            b"".join(masked(b'42%d["double",%b]' % (n, (b"0", b"1e-3", b"-1e-3", b"null")[n % 4])) for n in range(1500))
        )
        assert [client.text().partition("[")[0] for _ in range(1500)] == [f"43{n}" for n in range(1500)]
    handled = [each for each in site.get("/state")["handled"][before:] if each in ("double", "a", "b")]
    assert handled[:7] == ["double", "double", "a", "double", "double", "double", "b"], (
        "each when those before were answered"
    )
    with Raw(site.port) as client:
        for id in ("007", "\u0667"):  # python-socketio takes them too, and answers 7
            client.say(f'42{id}["double",7]')
            assert client.text() == "437[7]"
    with Raw(site.port, join=False) as stranger:
        stranger.say('421["double",0]')
        stranger.say("40")
        assert stranger.text().startswith("40"), "not connected to the namespace: not taken, not answered"


def test_an_answer_that_comes_while_others_have_their_turn_changes_no_order(run: Run) -> None:
    """Each event that was handled is followed by a turn of the others, in which the one that was just taken is answered."""
    sent = ('"slow",0.01,"first"', '"double",1e-9', '"slow",0.2,"a"', '"slow",0,"b"', '"double",0')
    with Raw(run(slice_s=0.0).port) as client:
        client.send(b"".join(masked(f"42{n}[{event}]".encode()) for n, event in enumerate(sent)))
        assert [client.text().partition("[")[0] for _ in sent] == [f"43{n}" for n in range(len(sent))]


def test_what_waits_behind_a_taken_event_is_handled_though_the_client_has_gone(site: Site) -> None:
    before = len(site.get("/state")["handled"])
    with Raw(site.port) as client:
        client.send(masked(b'421["double",0.2]') + masked(b'42["slow",0,"last words"]') + masked(b"1"))
    wait_until(lambda: site.get("/state")["handled"][before:] == ["double", "last words"])


def test_rooms_and_sessions(site: Site) -> None:
    with Raw(site.port) as first, Raw(site.port) as second, Raw(site.port) as third:
        for client in (first, second):
            client.ask("join", "red")
            client.ask("join", "red")
        assert first.ask("rooms") == ["all", "red"]
        third.ask("to", "red", "hello")
        assert [client.text() for client in (first, second)] == ['42["said","hello"]'] * 2
        second.ask("leave", "red")
        second.ask("leave", "red")
        third.ask("to", "red", "again")
        third.ask("to", third.sid, "self")
        assert first.text() == '42["said","again"]'
        assert second.ask("rooms") == ["all"]
        assert (first.ask("session"), first.ask("session"), second.ask("session")) == (1, 2, 1)


def test_the_namespace_is_left_and_entered_again(site: Site) -> None:
    with Raw(site.port) as client:
        client.say("41")
        client.say("40")
        assert client.text().startswith("40{")
        assert client.ask("echo", 1) == 1
    with Raw(site.port, join=False, more="&deny=1") as denied:
        denied.say("40")
        assert denied.text().startswith("44{")


def why(site: Site, before: dict[str, int], reason: str) -> None:
    """The application hears of an end with that reason."""
    wait_until(lambda: site.get("/state")["reasons"].get(reason, 0) == before.get(reason, 0) + 1)


@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"], ["polling"]])
def test_python_clients_do_all_they_are_used_to(site: Site, transports: list[str]) -> None:
    before = site.get("/state")["reasons"]
    heard: list[Any] = []
    with socketio.SimpleClient() as client:
        client.connect(site.url, transports=transports, wait_timeout=10)
        assert client.transport == transports[-1]
        client.client.on("ask", lambda given: {"got": given["q"]})
        client.client.on("disconnect", heard.append)
        assert client.call("echo", {"x": "é"}, timeout=10) == {"x": "é"}
        assert site.do("call", to=client.sid) == {"got": 1}
        site.do("emit", to=client.sid)
        assert client.receive(timeout=10)[0] == "one"
        site.do("kick", to=client.sid)
        wait_until(lambda: heard)
    assert heard == ["server disconnect"]
    why(site, before, "server disconnect")


def test_an_upgrade_carries_over_what_waited_and_a_failed_one_leaves_the_polling(site: Site) -> None:
    address = f"{site.url}/socket.io/?EIO=4&transport=polling"
    with requests.Session() as polling:
        engine_sid = json.loads(polling.get(address, timeout=10).text[1:])["sid"]
        address += f"&sid={engine_sid}"
        polling.post(address, data="40", timeout=10)
        sid = json.loads(polling.get(address, timeout=10).text[2:])["sid"]
        with Raw(site.port, sid=engine_sid) as broken:
            broken.say("2probe")
            assert broken.next() == (1, b"3probe")
            broken.say("nonsense")
            assert broken.closing()[0] == 1002
        polling.get(address, timeout=10)
        polling.post(address, data='421["echo",1]', timeout=10)
        assert polling.get(address, timeout=10).text == "431[1]"
        with Raw(site.port, sid=engine_sid) as upgraded:
            upgraded.say("2probe")
            assert upgraded.next() == (1, b"3probe")
            assert polling.get(address, timeout=10).text == "6"
            site.do("emit", to=sid)
            upgraded.say("5")
            assert upgraded.text() == '42["one",{"n":1}]'
            assert upgraded.ask("echo", 2) == 2
            assert polling.get(address, timeout=10).status_code == 400
    wait_until(lambda: site.tables()["connections"] == 0)


@pytest.mark.parametrize(("more", "parts"), [("", (b"4", b"0")), ("&think=1", (b"40", b""))])
def test_who_polls_and_ends_while_it_connects_leaves_nothing_behind(
    site: Site, more: str, parts: tuple[bytes, bytes]
) -> None:
    """Its last request comes in late, or is being handled."""

    def cost() -> list[int]:
        tables = site.tables()
        return [tables[name] for name in ("sockets", "environs", "rooms", "pending")]

    before = cost()
    path = f"/socket.io/?EIO=4&transport=polling{more}"
    with requests.Session() as polling, Line(site.url) as late:
        path += f"&sid={json.loads(polling.get(site.url + path, timeout=10).text[1:])['sid']}"
        late.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n".encode() + parts[0])
        wait_until(lambda: parts[1] or cost()[-1] > before[-1])
        polling.post(site.url + path, data="1", timeout=10)
        late.send(parts[1])
        assert late.answer().status == 200
    wait_until(lambda: cost() == before)


@pytest.mark.parametrize(
    ("reason", "how"),
    [
        ("transport close", "close"),
        ("transport close", "reset"),
        ("transport close", "frame"),
        ("client disconnect", "1"),
        ("client disconnect", "41"),
        ("server disconnect", "bye"),
        ("server disconnect", "drop"),
        ("transport error", "rule"),
    ],
)
def test_the_application_hears_why(site: Site, reason: str, how: str) -> None:
    before, tables = site.get("/state")["reasons"], site.tables()
    with Raw(site.port) as client:
        if how in ("close", "reset"):
            getattr(client, how)()
        elif how == "frame":
            client.send(masked(CLOSING, 0x88))
        elif how == "drop":
            site.do("drop", to=client.sid)
            assert [client.next(), client.next()[0]] == [(1, b"1"), 8]
        elif how == "bye":
            client.say('42["bye"]')
            assert client.text() == "41"
        else:
            client.send(masked(b"x", 0x80)) if how == "rule" else client.say(how)
        why(site, before, reason)
    site.comes_back_to(tables)


def test_who_does_not_answer_a_ping_is_ended_and_who_does_stays(run: Run) -> None:
    site = run(ping=[1, 1])
    before = site.get("/state")["reasons"]
    with Raw(site.port) as silent, Raw(site.port) as lively, requests.Session() as polling:
        polling.get(f"{site.url}/socket.io/?EIO=4&transport=polling", timeout=10)
        until = time.monotonic() + 4.5
        while time.monotonic() < until:
            lively.ask("echo", 1)  # answers pings on its way
            time.sleep(0.05)
        assert silent.next() == (1, b"2")
        with pytest.raises(EOFError):
            silent.next()
        assert site.tables()["connections"] == 1
    wait_until(lambda: site.tables()["sockets"] == 0, 15)
    assert site.get("/state")["reasons"] == before | {"ping timeout": 1, "transport close": 1}


def end(client: Raw, how: str, site: Site) -> None:
    if how == "frame":
        client.send(masked(CLOSING, 0x88))
    elif how == "half":
        client.send(masked(b'42["echo",1]')[:6])
    elif how == "busy":
        client.send(masked(b'421["slow",0.2,1]') * 5)
    elif how == "kick":
        site.do("kick", to=client.sid)
    elif how in ("1", "41"):
        client.say(how)
    elif how == "reset":
        client.reset()
        return
    client.close()


def disconnect_at_random(site: Site, clients: int, seed: int) -> None:
    chance = random.Random(seed)
    ways = ["close", "frame", "half", "busy", "kick", "1", "41", "reset"]
    with Raw(site.port):
        pass
    wait_until(lambda: site.tables()["sockets"] == 0)
    site.do("collect")
    before = site.tables()
    with ThreadPoolExecutor(8) as pool:
        connected = list(pool.map(lambda n: Raw(site.port, join=n % 10 > 0), range(clients)))
        chance.shuffle(connected)
        list(pool.map(lambda client, how: end(client, how, site), connected, chance.choices(ways, k=clients)))
    site.comes_back_to(before, 20)


def test_200_random_ends_leave_nothing_behind(site: Site) -> None:
    disconnect_at_random(site, 200, 1)


@pytest.mark.soak
def test_rounds_of_1000_random_ends_leave_nothing_behind(site: Site) -> None:
    for seed in range(5):
        disconnect_at_random(site, 1000, seed)
