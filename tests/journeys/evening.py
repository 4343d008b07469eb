"""A server with scores coming in, a bad network before it, and what its clients cost it."""

import re
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.clients.watcher import text
from tests.conftest import ROOT, Api, ServerProcess
from tests.journeys.load import Load, Write
from tests.journeys.network import CALM, Network
from tests.store.hold import wait_until
from tests.wire.client import Raw

BOARDS = ("north", "south")
TOPICS = {"board:north:all": 20, "board:south:all": 5}
OVER_THE_NETWORK = "over-the-network"
"""The board for scores that clients post through it."""
PLAYERS = 31
"""So far apart at first that most scores change one row: frames are of changed rows, and one that is missing is missed."""
PROGRAM = ROOT / "tests" / "journeys" / "impatient_server.py"
BACK_S = 15.0
"""For all that clients cost to be given back: a ping, its time, and the time in which a connection may still be closed."""


class Evening:
    """A server with scores coming in, and a network before it."""

    def __init__(self, stack: ExitStack, data_dir: Path, seed: int, timeout_s: int = 2) -> None:
        program = (str(PROGRAM), str(timeout_s))
        self.server = ServerProcess(data_dir=data_dir, program=program, env={"PYTHONPATH": str(ROOT)})
        stack.callback(self.server.stop)
        self.api = Api(self.server.url)
        self.api.session.headers["Connection"] = "close"
        stack.callback(self.api.session.close)
        apart = [{"player": f"p{n}", "score": 400 * n} for n in range(PLAYERS)]
        for board in (*BOARDS, OVER_THE_NETWORK):
            self.api.put(f"/boards/{board}", {"rule": "sum"})
        for board in BOARDS:
            self.api.post(f"/boards/{board}/scores", {"scores": apart})
        with Raw(int(self.server.url.rpartition(":")[2])) as first:  # what the first one costs stays
            first.ask("subscribe", {"topic": "board:north:all"})
        wait_until(lambda: not any(self.costs().values()))
        self._posting: list[Api] = []
        self.network = stack.enter_context(Network(self.server.url, seed))

    def costs(self) -> dict[str, int]:
        """What clients cost the server now."""
        answer = self.api.session.get(f"{self.server.url}/metrics", timeout=10).text
        figures = dict(re.findall(r"^scorecast_(connections|memberships|viewers) (\S+)$", answer, re.MULTILINE))
        return {name: int(float(figure)) for name, figure in figures.items()} | {"sockets": self._sockets()}

    def _sockets(self) -> int:
        """Connections that the server has not closed."""
        port = f":{int(self.server.url.rpartition(':')[2]):04X}"
        fields = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        held = set()
        for each in Path(f"/proc/{self.server.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                held.add(each.readlink().name)
        return sum(of[1].endswith(port) and of[3] != "0A" and f"socket:[{of[9]}]" in held for of in fields)

    def comes_back(self) -> None:
        """Wait until clients cost nothing any more."""
        for api in self._posting:
            api.session.close()
        with suppress(AssertionError):
            wait_until(lambda: not any(self.costs().values()), BACK_S)
        assert {name: n for name, n in self.costs().items() if n} == {}

    def last_word(self) -> None:
        """One frame more on every topic, over a network that is calm again: it shows whether one before it is missing."""
        self.network.become(CALM)
        for board in BOARDS:
            self.api.post(f"/boards/{board}/scores", {"player": f"p{PLAYERS - 1}", "score": 1})

    def load(self) -> Load:
        """Two who post about 60 scores a second each, past the network."""

        def connect() -> Write:
            api = Api(self.server.url)
            self._posting.append(api)

            def write(number: int) -> None:
                time.sleep(0.015)
                body = {"player": f"p{number * 7919 % PLAYERS}", "score": 1 + number * 31 % 97}
                answer = api.call("POST", f"/boards/{BOARDS[number % 2]}/scores", json=body)
                assert answer.status_code == 200, answer.text

            return write

        return Load(connect, threads=2)

    def rows(self) -> dict[str, str]:
        """What every topic shows in the end."""
        tops = {topic: self.api.get(f"/boards/{topic.split(':')[1]}/top", limit=n) for topic, n in TOPICS.items()}
        return {topic: text(top["players"], top["rows"]) for topic, top in tops.items()}

    def scores(self) -> dict[str, int]:
        """All that was posted over the network and is there."""
        page, found = "/top?limit=1000", dict[str, int]()
        while page:
            answer = self.api.get(f"/boards/{OVER_THE_NETWORK}{page}")
            found |= {row["player"]: row["score"] for row in answer["rows"]}
            page = f"/top?limit=1000&cursor={answer['next']}" if "next" in answer else ""
        return found
