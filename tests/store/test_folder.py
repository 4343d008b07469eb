"""Folders, disks and machines that cannot carry an embedded store: each refusal is one clear sentence."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dashboard.errors import StoreStartFailed
from dashboard.store.embedded import EmbeddedStore
from dashboard.store.folder import SOCKET_PATH_LIMIT
from tests.store.hold import Holder, is_up, servers_in, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches processes as Linux shows them")


def refusal(data_dir: Path) -> str:
    store = EmbeddedStore(data_dir, patience_s=0.3)
    with pytest.raises(StoreStartFailed) as failure:
        store.start()
    assert not store.owner
    assert servers_in(data_dir) == []
    return failure.value.detail


def holder_on(mount: str, data_dir: Path) -> Holder:
    """A holder with another file system mounted at `data_dir`, seen by that process alone."""
    command = ("unshare", "--map-root-user", "--mount", "sh", "-c")
    allowed = subprocess.run([*command, "mount -t tmpfs none /mnt"], capture_output=True, text=True)
    if allowed.returncode:
        pytest.skip(f"this system lets no test mount a file system: {allowed.stderr.strip()}")
    return Holder(data_dir, prefix=(*command, f'{mount} && exec "$@"', "sh"))


def refusal_on(mount: str, data_dir: Path) -> str:
    holder = holder_on(mount, data_dir)
    holder.kill()
    assert not holder.first["owner"]
    return str(holder.first["error"])


def fill(client: redis.Redis, lengths: list[int]) -> None:
    """Write until that fails; each acknowledged length of the list is noted."""
    while True:
        lengths.append(int(client.rpush("written", "x" * 1000)))


def test_a_file_in_the_folders_place(data_dir: Path) -> None:
    (data_dir / "file").touch()
    for place in (data_dir / "file", data_dir / "file/below"):
        assert refusal(place) == (
            f"The data folder {place} is not a folder, or lies in something that is none; set DATA_DIR to a folder."
        )


def test_a_folder_that_this_user_may_not_write(data_dir: Path, holders: Any) -> None:
    data_dir.chmod(0o555)
    assert holders("nobody").first["error"] == (
        f"The data folder {data_dir} is not writable (Permission denied); give this user access, or set DATA_DIR to "
        "another folder."
    )


def test_a_folder_that_cannot_be_made() -> None:
    sentence = refusal(Path("/proc/scorecast"))
    assert sentence.startswith("The data folder /proc/scorecast ")
    assert sentence.endswith("set DATA_DIR to another folder.")


def test_a_disk_that_is_read_only(data_dir: Path) -> None:
    store = EmbeddedStore(data_dir)
    store.start()
    store.stop()
    read_only = f"mount --bind {data_dir} {data_dir} && mount -o remount,ro,bind {data_dir}"
    assert "is not writable (Read-only file system)" in refusal_on(read_only, data_dir)


def test_a_disk_that_is_full(data_dir: Path) -> None:
    assert refusal_on(f"mount -t tmpfs -o size=32k none {data_dir}", data_dir) == (
        f"The data folder {data_dir} is on a disk that is full; make room, or set DATA_DIR to a folder on another disk."
    )


def test_a_disk_that_fills_up_meanwhile_loses_nothing_and_works_again_with_room(data_dir: Path) -> None:
    holder = holder_on(f"mount -t tmpfs -o size=1m none {data_dir}", data_dir)
    seen_by_it = Path(f"/proc/{holder.process.pid}/root{data_dir}")
    url = f"unix://{seen_by_it}/store/valkey.sock"
    with redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as client:
        (seen_by_it / "ballast").write_bytes(bytes(512 << 10))
        lengths = [0]
        with pytest.raises(redis.RedisError):
            fill(client, lengths)
        assert lengths[-1] > 100
        wait_until(lambda: "is on a disk that is full; make room" in (holder.tell("keep")["error"] or ""))
        (seen_by_it / "ballast").unlink()
        wait_until(lambda: holder.tell("keep")["error"] is None and is_up(url))
        assert client.llen("written") - lengths[-1] in (0, 1), "all that was acknowledged, and the one in doubt or not"
    holder.tell("stop")
    holder.kill()


def test_the_longest_path_works_and_one_byte_more_is_refused(data_dir: Path) -> None:
    room = SOCKET_PATH_LIMIT - len(os.fsencode(data_dir / "x/store/valkey.sock")) + 1
    longest = data_dir / ("ü" * (room // 2) + "a" * (room % 2))
    store = EmbeddedStore(longest)
    store.start()
    store.stop()
    too_long = Path(f"{longest}b")
    assert refusal(too_long) == (
        f"The store's socket path {too_long}/store/valkey.sock has {SOCKET_PATH_LIMIT + 1} bytes, the system allows "
        f"{SOCKET_PATH_LIMIT}; set DATA_DIR to a folder with a shorter path."
    )
    assert not too_long.exists()


def test_a_held_lock_with_no_answer_names_the_holder(data_dir: Path, holders: Any) -> None:
    owner = holders()
    [pid] = servers_in(data_dir)
    os.kill(pid, signal.SIGSTOP)
    guest = holders("impatient")
    os.kill(pid, signal.SIGCONT)
    assert guest.first["error"] == (
        f"The store in {data_dir}/store is held by process {owner.process.pid} but does not answer; end that process "
        "and the store it started, or set DATA_DIR to another folder."
    )


def test_a_broken_append_only_file_is_told_in_the_servers_own_words(data_dir: Path) -> None:
    store = EmbeddedStore(data_dir)
    store.start()
    store.stop()
    [file] = (data_dir / "store/appendonlydir").glob("*.incr.aof")
    file.write_bytes(b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n" + b"nonsense\r\n" * 3)
    sentence = refusal(data_dir)
    assert sentence.startswith(
        f"The store ended with code 1 while starting; its log {data_dir}/store/valkey.log says: "
    )
    assert "Bad file format reading the append only file" in sentence
    file.write_bytes(b"")
    store.start()  # the lock came free, and once repaired the folder works
    store.stop()


def test_a_platform_without_a_binary(holders: Any) -> None:
    sentence = holders("no-package").first["error"]
    assert sentence.startswith("There is no embedded store for this platform (")
    assert sentence.endswith("run a Redis or Valkey server and set REDIS_URL.")
