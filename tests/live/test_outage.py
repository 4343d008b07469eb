"""A store that hangs or dies: viewers are told in time, the loops live on, and the pictures come right by themselves."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest

from dashboard.core.analytics import Analytics
from dashboard.core.boards import Boards
from dashboard.core.clock import Clock
from dashboard.core.rankings import Rankings
from dashboard.core.scores import Scores
from dashboard.errors import StoreUnavailable
from dashboard.live import broadcaster, pulse, turn
from dashboard.live.pulse import PulseFeed
from dashboard.live.topics import parse_topic
from dashboard.store.client import Client, connect
from dashboard.store.scripts import Scripts
from dashboard.values import Score
from tests.live.picture import Picture
from tests.live.stage import Frame, Stage
from tests.store.hold import wait_until
from tests.store.servers import Valkey, valkey

TIMEOUT_S = 0.5


@pytest.fixture
def server() -> Iterator[Valkey]:
    with valkey() as running:
        yield running


@pytest.fixture
def client(server: Valkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Like the server's own, with less patience."""
    monkeypatch.setattr(turn, "TURN_S", TIMEOUT_S)
    monkeypatch.setattr(broadcaster, "AWAY_S", 0.1)
    monkeypatch.setattr(pulse, "BEAT_S", 0.1)
    opened = connect(server.url, timeout_s=TIMEOUT_S)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(lambda: time.time_ns() // 1_000_000)


def post(client: Client, clock: Clock, board: str, player: str, score: int) -> None:
    scripts = Scripts(client)
    Scores(scripts, Boards(client, scripts, clock), clock).submit(board, [Score(player, score)])


def all_at_once(calls: Sequence[Callable[[], object]]) -> tuple[list[object], float]:
    """What each returned or raised, and how long the slowest took."""
    found: list[object] = [None] * len(calls)

    def run(n: int) -> None:
        try:
            found[n] = calls[n]()
        except Exception as error:
            found[n] = error

    began = time.monotonic()
    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found, time.monotonic() - began


def make_pulse(client: Client, clock: Clock, sent: list[Frame]) -> PulseFeed:
    boards = Boards(client, Scripts(client), clock)
    rankings = Rankings(client, Scripts(client), boards, clock)
    analytics = Analytics(client, boards, clock)

    def move(viewer: str, room: str) -> None:
        """Nobody counts rooms here."""

    return PulseFeed(boards, rankings, analytics, clock, lambda event, frame, room: sent.append(frame), move, move)


def test_many_who_subscribe_while_the_store_hangs_are_all_told_in_time(
    server: Valkey, client: Client, clock: Clock
) -> None:
    """One behind the other they would wait for the store's timeout each: 12 times."""
    stage = Stage(client, clock)
    feed = make_pulse(client, clock, [])
    server.pause()
    boards = [partial(stage.subscribe, f"v{n}", f"board:b{n}:all") for n in range(12)]
    pulses = [partial(feed.subscribe, f"v{n}", parse_topic(f"analytics:b{n}:all")) for n in range(12)]
    everybody: tuple[Sequence[Callable[[], object]], ...] = (boards, pulses)
    for calls in everybody:
        found, slowest_s = all_at_once(calls)
        assert [type(answer) for answer in found] == [StoreUnavailable] * 12
        assert slowest_s < 4 * TIMEOUT_S
    assert stage.broadcaster.viewers == 0
    server.resume()
    wait_until(client.ping)
    found, _ = all_at_once(boards)
    assert stage.broadcaster.viewers == 12


@pytest.mark.parametrize("outage", ["hangs", "dies"])
def test_pictures_come_right_after_each_of_three_outages(
    server: Valkey, client: Client, clock: Clock, outage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody rings: the broadcaster looks by itself as soon as the store answers."""
    caplog.set_level(logging.INFO, "dashboard.live")
    stage = Stage(client, clock)
    beats: list[Frame] = []
    feed = make_pulse(client, clock, beats)
    threads = [threading.Thread(target=loop) for loop in (stage.broadcaster.run, feed.run)]
    for thread in threads:
        thread.start()
    picture = stage.subscribe("v", "board:b:all")
    feed.subscribe("v", parse_topic("analytics:b:all"))
    for n in range(3):
        caplog.clear()
        server.pause() if outage == "hangs" else server.stop()
        wait_until(lambda: "does not answer" in caplog.text)
        server.resume() if outage == "hangs" else server.start()
        beaten = len(beats)
        score = n + 1
        wait_until(partial(_posted, client, clock, score))
        wait_until(partial(_shows, picture, score))
        wait_until(lambda beaten=beaten: len(beats) > beaten)  # type: ignore[misc]
        assert "answers again" in caplog.text
    assert all(thread.is_alive() for thread in threads)
    assert "Traceback" not in caplog.text
    stage.broadcaster.stop()
    feed.stop()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def codes(frames: list[Frame]) -> list[object]:
    return [frame["code"] for frame in frames if "code" in frame]


def test_who_waits_for_a_pulse_is_told_once_that_the_store_hangs(
    server: Valkey, client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where others ask in vain meanwhile, who take their turns before the next beat."""
    monkeypatch.setattr(pulse, "SILENT_S", TIMEOUT_S)
    sent: list[Frame] = []
    feed = make_pulse(client, clock, sent)
    feed.subscribe("v", parse_topic("analytics:b:all"))
    thread = threading.Thread(target=feed.run)
    thread.start()
    for n in range(2):
        beaten = len(sent)
        wait_until(lambda beaten=beaten: len(sent) > beaten)  # type: ignore[misc]
        server.pause()
        asking = [partial(feed.subscribe, f"w{k}", parse_topic("analytics:c:all")) for k in range(4)]
        others = threading.Thread(target=all_at_once, args=(asking,))
        others.start()
        wait_until(lambda n=n: len(codes(sent)) > n, 3 * TIMEOUT_S)  # type: ignore[misc]
        others.join()
        server.resume()
        wait_until(lambda: "seq" in sent[-1])
        assert codes(sent) == ["store-unavailable"] * (n + 1)
        assert [frame["topic"] for frame in sent if "code" in frame] == ["analytics:b:all"] * (n + 1)
    feed.stop()
    thread.join()


@pytest.mark.parametrize(("silent_s", "told"), [(pulse.SILENT_S, []), (0.0, ["store-unavailable"])])
def test_a_store_that_restarts_is_no_news(
    server: Valkey, client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch, silent_s: float, told: list[str]
) -> None:
    """The control, without a time that has to pass, tells every restart."""
    monkeypatch.setattr(pulse, "SILENT_S", silent_s)
    sent: list[Frame] = []
    feed = make_pulse(client, clock, sent)
    feed.subscribe("v", parse_topic("analytics:b:all"))
    feed.beat()
    server.stop()
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            feed.beat()
    server.start()
    feed.beat()
    assert codes(sent) == told


def _shows(picture: Picture, score: int) -> bool:
    return picture.rows == [{"rank": 1, "player": "a", "score": score}]


def _posted(client: Client, clock: Clock, score: int) -> bool:
    try:
        post(client, clock, "b", "a", score)
    except StoreUnavailable:
        return False
    return True


def test_whoever_leaves_while_the_store_hangs_is_gone(server: Valkey, client: Client, clock: Clock) -> None:
    stage = Stage(client, clock)
    stage.subscribe("v", "board:b:all")
    server.pause()
    waiting = threading.Thread(target=lambda: all_at_once([lambda: stage.subscribe("w", "board:c:all")]))
    waiting.start()
    stage.gone("v")
    assert stage.broadcaster.viewers == 0
    waiting.join()
    server.resume()
