"""Shards: a big board as several inner boards, each with a part of the players.

Owns: which shard a player belongs to, what inner boards are called, one id for the events of all. Leaves to others: settings
(`boards.py`), writing (`sharded_scores.py`), reading (`sharded_rankings.py`). `/` cannot stand in the name of a board that
somebody declares, so an inner board is nobody's else, and its name is its own hash slot.
"""

from collections.abc import Sequence
from zlib import crc32

from dashboard.values import Board


def shard_of(player: str, shards: int) -> int:
    """The number of a player's shard: CRC-32 of the name in UTF-8, modulo `shards`."""
    return crc32(player.encode(errors="surrogateescape")) % shards


def inner_name(name: str, shard: int) -> str:
    """What an inner board is called."""
    return f"{name}/{shard}"


def outer_name(name: str) -> str:
    """The board to which an inner one belongs; itself for any other."""
    return name.partition("/")[0]


def inner_names(board: Board) -> list[str]:
    """The inner boards of a sharded one, none for another."""
    return [inner_name(board.name, shard) for shard in range(board.settings.shards or 0)]


def outer_position(position: str, shard: int, shards: int) -> str:
    """The id of an inner board's event as one of the whole board: its number within the millisecond says the shard."""
    milliseconds, number = position.split("-")
    return f"{milliseconds}-{int(number) * shards + shard}"


def is_reached(positions: Sequence[tuple[int, int]], wanted: tuple[int, int]) -> bool:
    """Whether a board, whose shards have come to `positions`, has come to the event `wanted`, an outer position."""
    milliseconds, number = wanted
    shard = number % len(positions)
    return positions[shard] >= (milliseconds, number // len(positions))
