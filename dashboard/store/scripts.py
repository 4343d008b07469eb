"""Our Lua scripts by file name: each one atomic call, one round trip.

Owns: reading `lua/*.lua`, calling them by their digest (the server learns a script at its first call or after a
restart), waiting for a replica where durability asks for it, and turning driver errors into our own.
Leaves to others: key names (`keys.py`) and what replies mean (`core/`).
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from dashboard.errors import KeyConflict, StoreUnavailable
from dashboard.store.client import Client

LUA = Path(__file__).with_name("lua")
PARTS = re.compile(r"^--@ (.+)$", re.MULTILINE)
"""A line of a script in whose place the files of `lua/parts/` stand that it names."""
REPLICA_WAIT_MS = 1000
REFUSAL = re.compile(
    r"(?:^|@user_script: \d+: -)(OOM|READONLY|MISCONF|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|UNKILLABLE|BUSY) "
)
"""How Redis begins such an error; Redis 6 puts the place in our script before it."""


def source(path: Path) -> str:
    """A script as the server gets it, with its parts in their place."""
    return PARTS.sub(
        lambda line: "\n".join((LUA / "parts" / name).read_text(encoding="utf-8") for name in line[1].split()),
        path.read_text(encoding="utf-8"),
    )


@contextmanager
def answering() -> Iterator[None]:
    """Turn 'Redis is away, busy or loading' into StoreUnavailable, and keys that a cluster keeps apart into KeyConflict.
    Programming errors pass through as they are.
    """
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError, redis.exceptions.ReadOnlyError, ConnectionError) as error:
        raise StoreUnavailable("Redis does not answer; nothing was acknowledged. Try again shortly.") from error
    except redis.exceptions.ClusterCrossSlotError as error:
        raise KeyConflict(
            "Their keys lie in different slots of the cluster, and one step cannot touch both."
        ) from error
    except redis.ResponseError as error:
        refusal = REFUSAL.search(str(error))
        if isinstance(error, redis.exceptions.OutOfMemoryError) or (refusal and refusal[1] == "OOM"):
            raise StoreUnavailable("Redis is out of memory and takes no writes. Raise its maxmemory.") from error
        if refusal:
            raise StoreUnavailable(f"Redis takes no commands now: {error}") from error
        raise


@contextmanager
def sharing(key: str | None) -> Iterator[None]:
    """Around calls on a board's ranking: where `key` is another program's too, that may hold anything. Raises KeyConflict."""
    try:
        yield
    except redis.ResponseError as error:
        if key is None or "WRONGTYPE" not in str(error):
            raise
        raise KeyConflict(
            f"{key!r} no longer holds a sorted set: another program keeps something else there."
        ) from error


class Scripts:
    """The scripts of one store. `replicated=True` makes every write wait until one replica has it."""

    def __init__(self, client: Client, *, replicated: bool = False) -> None:
        self._client = client
        self._replicated = replicated
        self._known = {path.stem: client.register_script(source(path)) for path in sorted(LUA.glob("*.lua"))}

    def source(self, name: str) -> str:
        """A script as the server gets it."""
        return str(self._known[name].script)

    def read(self, name: str, keys: Sequence[str], args: Sequence[str | int | bytes]) -> Any:
        """Run a script that only reads. Raises StoreUnavailable. One round trip (two the first time)."""
        with answering():
            return self._known[name](keys=keys, args=args)

    def read_many(self, name: str, calls: Sequence[tuple[Sequence[str], Sequence[str | int | bytes]]]) -> list[Any]:
        """Run one script many times with (keys, args). Raises StoreUnavailable. Two round trips in all."""
        with answering(), self._client.pipeline(transaction=False) as pipe:
            for keys, args in calls:
                self._known[name](keys=keys, args=args, client=pipe)
            return list(pipe.execute()) if calls else []

    def write(self, name: str, keys: Sequence[str], args: Sequence[str | int | bytes]) -> Any:
        """Run a script that writes; when it returns, the write is as durable as DURABILITY promises.

        Raises StoreUnavailable; the write may then have happened, but was not acknowledged. One round trip.
        """
        if not self._replicated:
            return self.read(name, keys, args)
        with answering():
            try:
                reply, replicas = self._call_and_wait(name, keys, args)
            except redis.exceptions.NoScriptError:  # nothing happened
                self._client.script_load(self._known[name].script)
                reply, replicas = self._call_and_wait(name, keys, args)
        if replicas < 1:
            raise StoreUnavailable("No replica confirmed the write in time (DURABILITY=replicated); not acknowledged.")
        return reply

    def _call_and_wait(self, name: str, keys: Sequence[str], args: Sequence[str | int | bytes]) -> tuple[Any, int]:
        # WAIT counts for the writes of its own connection; not by the driver's script object, which would first ask
        # whether the server knows the script
        with self._client.pipeline(transaction=False) as pipe:
            pipe.evalsha(self._known[name].sha, len(keys), *keys, *args)
            pipe.wait(1, REPLICA_WAIT_MS)
            reply, replicas = pipe.execute()
        return reply, replicas
