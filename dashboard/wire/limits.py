"""What connections may cost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WireLimits:
    """`connections`: at once; one more is refused with 503.
    `queue_bytes`, `total_bytes`: what may wait to be sent to one, and in the buffers of all together.
    `slow_s`: how long a connection that has something to read may read nothing.
    `inbox`: events of one connection that wait to be handled before no more are read, and `inbox_most` what a flood of
    tiny ones may add to that; `inbox_bytes`: the same by size.
    """

    connections: int
    queue_bytes: int = 8 << 20
    total_bytes: int = 128 << 20
    slow_s: float = 20.0
    inbox: int = 64
    inbox_most: int = 2048
    inbox_bytes: int = 256 << 10
