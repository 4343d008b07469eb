"""A consumer of a stream as a process of its own, to be killed by the tests; `Consumers` is the remote control of many.

The effect of an entry with a field `n` is to raise that number's count by one. An entry without it is malformed, one with
a field `deadly` kills its worker.

How it finishes entries: `exactly-once` as the product does; `two-calls`, the naive version: the effect, then XACK. With
`pausing` it says so on its standard output between the effect and the end of the script or the XACK, and waits there.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dashboard.errors import InvalidInput
from dashboard.live.workers import Consumer, Worker
from dashboard.store.client import connect
from dashboard.store.group import Effect, Group
from dashboard.store.scripts import Scripts
from dashboard.store.stream import Entry, Stream

REPOSITORY = Path(__file__).parents[2]


def counts(stream: str) -> str:
    """Hash: number -> how often its effect was applied."""
    return f"{{{stream}}}:counts"


class Consumers:
    """Starts consumers of one stream and kills them."""

    def __init__(self, url: str, stream: str, *options: str, idle_ms: int = 300) -> None:
        self._command = [sys.executable, "-m", "tests.store.consume", url, stream, str(idle_ms), *options]
        self.running: dict[str, subprocess.Popen[str]] = {}

    def start(self, name: str) -> None:
        """Start the consumer of that name; returns when it reads."""
        process = subprocess.Popen(
            [*self._command, name], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.running[name] = process
        assert self.says(name) == "reading"

    def says(self, name: str) -> str:
        """The next line of what it says."""
        out = self.running[name].stdout
        assert out is not None
        line = out.readline()
        assert line, f"consumer {name} ended with code {self.running[name].wait(10)}"
        return line.strip()

    def kill(self, name: str) -> None:
        """kill -9, and see it gone."""
        process = self.running.pop(name)
        process.kill()
        self._ended(process)

    def died(self, name: str) -> bool:
        """Whether it ends as if it were killed, though nobody here does it."""
        return self._ended(self.running.pop(name)) == -signal.SIGKILL

    def end(self) -> None:
        """End all as `run.py worker` ends; each must end well."""
        for process in self.running.values():
            process.terminate()
        codes = [self._ended(process) for process in self.running.values()]
        assert codes == [0] * len(codes)
        self.running.clear()

    @staticmethod
    def _ended(process: "subprocess.Popen[str]") -> int:
        code = process.wait(10)
        assert process.stdout is not None
        process.stdout.close()
        return code


def _main(url: str, key: str, idle_ms: str, *rest: str) -> None:
    *options, name = rest
    client = connect(url, timeout_s=10)
    scripts = Scripts(client)

    def say_and_wait() -> None:
        print("between", flush=True)
        signal.pause()

    class Naive(Group):
        def finish(self, entry: Entry, effects: Sequence[Effect] = ()) -> bool:
            for command, effect_key, *words in effects:
                client.execute_command(command, effect_key, *words)
            if "pausing" in options:
                say_and_wait()
            return bool(client.xack(key, "g", entry.id))

    class Pausing(Group):
        def finish(self, entry: Entry, effects: Sequence[Effect] = ()) -> bool:
            done = super().finish(entry, effects)
            say_and_wait()
            return done

    kind = Naive if "two-calls" in options else Pausing if "pausing" in options else Group
    group = kind(client, scripts, Stream(client, scripts, key), "g", idle_ms=int(idle_ms))

    def handle(entry: Entry) -> list[Effect]:
        if "deadly" in entry.fields:
            os.kill(os.getpid(), signal.SIGKILL)
        if "n" not in entry.fields:
            raise InvalidInput("there is no `n`")
        return [("HINCRBY", counts(key), entry.fields["n"], 1)]

    worker = Worker(name, Consumer(group, name, handle).turn)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    group.create()
    print("reading", flush=True)
    worker.run()


if __name__ == "__main__":
    _main(*sys.argv[1:])
