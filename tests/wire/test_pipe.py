"""Many callers on one connection to a real store: each gets its own reply or an error, whatever happens to the store."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import eventlet
import pytest
from eventlet.event import Event
from eventlet.green import socket as green

from dashboard.core.intake import Intake
from dashboard.errors import StoreUnavailable
from dashboard.parts import Parts
from dashboard.store.client import Line, as_error
from dashboard.values import Result, Score
from dashboard.wire.http_lane import later
from dashboard.wire.pipe import Pipe

ECHO = {"echo": "return ARGV[1]", "fail": "return redis.call('LPUSH', KEYS[1])"}


def dial_at(path: str) -> Callable[[], Line]:
    def dial() -> Line:
        line = green.socket(socket.AF_UNIX)
        line.connect(path)
        return Line(line, line.close)

    return dial


@contextmanager
def opened(pipe: Pipe) -> Iterator[Pipe]:
    pipe.start()
    wait_ready(pipe)
    yield pipe
    pipe.stop()


def wait_ready(pipe: Pipe) -> None:
    with eventlet.Timeout(10):
        while not pipe.ready:
            eventlet.sleep(0.01)


@contextmanager
def stopped(parts: Parts) -> Iterator[None]:
    """The store does not answer meanwhile."""
    pid = parts.client.info("server")["process_id"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def begin(pipe: Pipe, script: str, word: str, count: list[int]) -> Event:
    def done(reply: Any) -> None:
        count[0] += 1
        event.send(reply)

    event = Event()
    pipe.call(script, ["test:pipe"], [word], done)
    return event


def heard(events: list[Event]) -> list[Any]:
    with eventlet.Timeout(10):
        return [event.wait() for event in events]


@pytest.fixture
def path(parts: Parts) -> str:
    return urlsplit(parts.url).path


def test_each_caller_gets_its_own_reply_also_when_the_scripts_are_lost(parts: Parts, path: str) -> None:
    count, words = [0], [f"word {n}" for n in range(300)]
    with opened(Pipe(dial_at(path), ECHO, as_error)) as pipe:
        events = []
        for n, word in enumerate(words):
            events.append(begin(pipe, "echo", word, count))
            pipe.push()
            if n % 50 == 0:
                parts.client.script_flush()
                eventlet.sleep(0)
        assert heard(events) == [word.encode() for word in words]
    assert count == [300], "each once"


def test_an_error_of_redis_is_its_callers_alone(path: str) -> None:
    with opened(Pipe(dial_at(path), ECHO, as_error)) as pipe:
        events = [begin(pipe, script, "x", [0]) for script in ("echo", "fail", "echo")]
        pipe.push()
        first, error, last = heard(events)
    assert (first, last) == (b"x", b"x")
    assert isinstance(error, Exception)
    assert "Wrong number of args" in str(error)


def test_a_call_larger_than_the_sockets_buffer_goes_out_whole_and_others_after_it(path: str) -> None:
    with opened(Pipe(dial_at(path), ECHO, as_error)) as pipe:
        long = "y" * 3_000_000
        events = []
        for word in (long, "a", "b"):
            events.append(begin(pipe, "echo", word, [0]))
            pipe.push()
        assert heard(events) == [long.encode(), b"a", b"b"]


def test_a_silent_store_is_given_up_and_its_late_replies_reach_nobody(parts: Parts, path: str) -> None:
    count = [0]
    with opened(Pipe(dial_at(path), ECHO, as_error, timeout_s=0.2)) as pipe:
        with stopped(parts):
            events = [begin(pipe, "echo", f"late {n}", count) for n in range(5)]
            pipe.push()
            assert all(isinstance(reply, ConnectionError) for reply in heard(events))
        wait_ready(pipe)
        again = [begin(pipe, "echo", f"new {n}", count) for n in range(5)]
        pipe.push()
        assert heard(again) == [b"new %d" % n for n in range(5)]
    assert count == [10]


@pytest.mark.parametrize("said", [b"$1\r\na\r\n$1\r\nb\r\n", b"?what\r\n", b""], ids=["too much", "no RESP", "goodbye"])
def test_a_connection_that_lost_its_place_is_closed_and_everybody_is_told(said: bytes, tmp_path: Any) -> None:
    """It hears one call, and says something else than one reply."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()

    def serve() -> None:
        first, _ = listener.accept()
        first.recv(9999)
        first.sendall(said)
        if not said:
            first.shutdown(socket.SHUT_RDWR)
        assert first.recv(9999) == b"", "it was closed"
        first.close()

    thread = threading.Thread(target=serve)
    thread.start()
    with opened(Pipe(dial_at(str(tmp_path / "s")), ECHO, as_error)) as pipe:
        event = begin(pipe, "echo", "x", [0])
        pipe.push()
        [reply] = heard([event])
        assert reply == b"a" if said.startswith(b"$") else isinstance(reply, ConnectionError)
        with eventlet.Timeout(5):
            while thread.is_alive():
                eventlet.sleep(0.01)
    listener.close()


def submit(parts: Parts, board: str, count: int, *, most: int = 1000, stall: bool = False) -> list[Any]:
    """What becomes of scores 1 to `count`, each of a player of its own, that come in one turn."""
    pipe = Pipe(dial_at(urlsplit(parts.url).path), {"submit_scores": parts.scripts.source("submit_scores")}, as_error)
    with opened(pipe):
        intake, events = Intake(parts.scores, pipe, later, most_waiting=most), [Event() for _ in range(count)]

        def all_at_once() -> None:
            for n, event in enumerate(events, 1):
                assert intake.add(board, [Score(f"p{n}", n)], event.send, as_operator=True)

        if stall:
            with stopped(parts):
                later(all_at_once)
                heard(events[most:])  # at once, though nothing moves
        else:
            later(all_at_once)
        return heard(events)


def test_what_comes_in_one_turn_is_one_call_and_each_gets_its_own_result(parts: Parts, board: str) -> None:
    parts.boards.ensure(board)

    def calls() -> int:
        stats = parts.client.info("commandstats")
        return sum(stats[name]["calls"] for name in ("cmdstat_eval", "cmdstat_evalsha") if name in stats)

    before = calls()
    found = submit(parts, board, 100)
    assert calls() - before <= 2, "one, or two where the store has to learn the script"
    for n, [result] in enumerate(found, 1):
        assert isinstance(result, Result)
        assert (result.player, result.score, result.rank, result.players) == (f"p{n}", n, 1, n)


def test_more_than_may_wait_are_refused_at_once_and_the_others_count(parts: Parts, board: str) -> None:
    parts.boards.ensure(board)
    found = submit(parts, board, 30, most=20, stall=True)
    assert [result.score for [result] in found[:20]] == list(range(1, 21))
    assert all(isinstance(error, StoreUnavailable) for error in found[20:])
    assert parts.rankings.top(board, "all").players == 20


def test_an_old_picture_of_a_board_is_told_and_nothing_counts(parts: Parts, board: str) -> None:
    old = parts.boards.ensure(board)
    parts.boards.put(board, replace(old.settings, rule="sum"))
    parts.boards._known[board] = old
    assert submit(parts, board, 3) == [None] * 3
    assert parts.rankings.top(board, "all").players == 0
