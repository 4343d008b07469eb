"""A disk whose fsync is slow, for one thread of a running program: no compiler, no LD_PRELOAD, no mount.

Owns: a tracer (ptrace(2), Linux) that holds the thread at the entry of each fsync or fdatasync, as a slow disk would.
The program's other threads run at full speed. Works on descendants of the test, which is all that Yama's
`ptrace_scope=1` asks for.
"""

import ctypes
import os
import platform
import signal
import threading
import time
from pathlib import Path

SEIZE, INTERRUPT, GET_SYSCALL_INFO, SYSCALL = 0x4206, 0x4207, 0x420E, 24
TRACESYSGOOD = 1
STOP_AT_SYSCALL = signal.SIGTRAP | 0x80  # with TRACESYSGOOD
EVENT_STOP = 128
ENTRY = 1  # ptrace_syscall_info.op
WALL = 0x40000000  # waitpid: threads too
SYNC_CALLS = {"x86_64": (74, 75), "aarch64": (82, 83)}  # fsync, fdatasync


class PtraceRefused(Exception):
    """The system lets us trace nobody. Says what to allow."""


class SlowFsync(threading.Thread):
    """Holds every fsync of thread `tid` for `delay_s` until that thread ends. Made: attached and at work.

    `midway` is set during the second half of each hold. All ptrace calls come from this one thread, as the kernel
    demands.
    """

    def __init__(self, tid: int, delay_s: float) -> None:
        super().__init__(daemon=True)
        self.tid, self.delay_s = tid, delay_s
        self.midway = threading.Event()
        self._attached = threading.Event()
        self._refusal: OSError | None = None
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
        self._libc.ptrace.restype = ctypes.c_long
        self.start()
        assert self._attached.wait(10)
        if self._refusal:
            raise PtraceRefused(
                f"ptrace is refused ({self._refusal.strerror}), so no fsync can be slowed: set "
                "kernel.yama.ptrace_scope to 0 or 1, and start a container with --cap-add=SYS_PTRACE"
            ) from self._refusal

    def run(self) -> None:
        try:
            self._ptrace(SEIZE, data=TRACESYSGOOD)
            self._ptrace(INTERRUPT)
            _, status = os.waitpid(self.tid, WALL)
            self._syscall_number()  # refused in some sandboxes that allow the rest
        except OSError as error:
            self._refusal = error
        self._attached.set()
        while not self._refusal and os.WIFSTOPPED(status):
            number, passed_on = None, 0
            try:
                if os.WSTOPSIG(status) == STOP_AT_SYSCALL:
                    number = self._syscall_number()
                elif status >> 16 != EVENT_STOP:
                    passed_on = os.WSTOPSIG(status)
                if number in SYNC_CALLS[platform.machine()]:
                    self._hold()
                self._ptrace(SYSCALL, data=passed_on)
            except ProcessLookupError:
                pass  # killed while it was stopped: waitpid tells
            _, status = os.waitpid(self.tid, WALL)

    def _hold(self) -> None:
        time.sleep(self.delay_s / 2)
        self.midway.set()
        time.sleep(self.delay_s / 2)
        self.midway.clear()

    def _syscall_number(self) -> int | None:
        """The number of the system call that is being entered; None at another stop."""
        info = (ctypes.c_ubyte * 88)()  # struct ptrace_syscall_info: op at 0, entry.nr at 24
        self._ptrace(GET_SYSCALL_INFO, len(info), ctypes.addressof(info))
        return int.from_bytes(bytes(info[24:32]), "little") if info[0] == ENTRY else None

    def _ptrace(self, request: int, address: int = 0, data: int = 0) -> None:
        if self._libc.ptrace(request, self.tid, address, data) < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))


def thread_named(pid: int, name: str) -> int:
    """The id of the process's one thread with that name."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    [tid] = [int(task.name) for task in tasks if task.joinpath("comm").read_text().strip() == name]
    return tid
