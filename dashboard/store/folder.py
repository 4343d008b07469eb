"""The embedded store's folder on disk, `DATA_DIR/store`.

Owns: its making (mode 700), the names in it, the lock that says who may write there, the server's log, and the
sentences for a folder that cannot be used. Leaves to others: the server that runs in it (`store/embedded.py`).

The lock is `flock` on `store/lock`, held through one descriptor that the server inherits: it comes free only when
starter *and* server are gone, so two servers can never write one append-only file. The lock file is never deleted: a
new one would be a second lock.
"""

import errno
import fcntl
import os
import sys
import tempfile
from pathlib import Path

from dashboard.errors import StoreStartFailed

SOCKET_PATH_LIMIT = 107 if sys.platform == "linux" else 103  # bytes in sun_path, without the closing zero
LOG_LIMIT = 1 << 20  # bytes; one older log of about that size is kept beside it
PROBE_SIZE = 64 << 10  # bytes that must fit on the disk before a start


class StoreFolder:
    """`DATA_DIR/store` and what lies there. Every method that touches the disk raises StoreStartFailed, with a sentence
    that says what to set, where the disk says no."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.absolute()
        self.path = self.data_dir / "store"
        self.socket = self.path / "valkey.sock"
        self.log = self.path / "valkey.log"
        self.lock_fd: int | None = None
        self._lock = self.path / "lock"

    def make(self) -> None:
        """Make the folder where it is missing. Raises also for a path that no socket can have."""
        length = len(os.fsencode(self.socket))
        if length > SOCKET_PATH_LIMIT:
            raise StoreStartFailed(
                f"The store's socket path {self.socket} has {length} bytes, the system allows {SOCKET_PATH_LIMIT}; "
                "set DATA_DIR to a folder with a shorter path.",
                path=str(self.socket),
                length=length,
                limit=SOCKET_PATH_LIMIT,
            )
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise self.unusable(error) from error

    def take_lock(self, durability: str) -> bool:
        """Take the lock: `lock_fd` is then its descriptor. False while somebody else holds it. Never waits."""
        lock_fd = None
        try:
            lock_fd = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock_fd, 0)
            os.pwrite(lock_fd, f"{os.getpid()} {durability}".encode(), 0)
        except OSError as error:
            if lock_fd is not None:
                os.close(lock_fd)
            if isinstance(error, BlockingIOError):
                return False
            raise self.unusable(error) from error
        self.lock_fd = lock_fd
        return True

    def release_lock(self) -> None:
        """Give up our hold of the lock, if we have it. It is free when a server that inherited it is gone too."""
        if self.lock_fd is not None:
            os.close(self.lock_fd)
            self.lock_fd = None

    def holder(self) -> tuple[str, str]:
        """Process id and durability that the lock's present or last holder wrote into it."""
        words = self._lock.read_text().split()
        return (words[0], words[1]) if len(words) == 2 else ("unknown", "unknown")

    def probe(self) -> None:
        """See that the disk takes a little data: on a full one the server would die without room for its last words."""
        try:
            with tempfile.TemporaryFile(dir=self.path) as probe:
                probe.write(bytes(PROBE_SIZE))
                probe.flush()
                os.fsync(probe.fileno())
        except OSError as error:
            raise self.unusable(error) from error

    def bound_log(self) -> None:
        """Put a log that has grown too long aside. The server opens its log anew for each line, so it follows."""
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))

    def last_words(self, start: int) -> list[str]:
        """The last three lines of the log behind byte `start`."""
        with self.log.open("rb") as log_file:
            log_file.seek(start)
            lines = log_file.read().decode(errors="replace").split("\n")
        return [line.strip() for line in lines if line.strip()][-3:]

    def unusable(self, error: OSError) -> StoreStartFailed:
        """The sentence for what the disk said."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            problem = "is on a disk that is full; make room, or set DATA_DIR to a folder on another disk."
        elif error.errno in (errno.EEXIST, errno.ENOTDIR):
            problem = "is not a folder, or lies in something that is none; set DATA_DIR to a folder."
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            problem = f"is not writable ({error.strerror}); give this user access, or set DATA_DIR to another folder."
        else:
            problem = f"cannot be used ({error.strerror}); set DATA_DIR to another folder."
        return StoreStartFailed(
            f"The data folder {self.data_dir} {problem}", folder=str(self.data_dir), errno=error.errno
        )
