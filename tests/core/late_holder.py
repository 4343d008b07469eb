"""Take the lock of a board's seasons and begin one once told to, not looking whether it is still ours:
`late_holder.py URL BOARD`.
"""

import sys
import time

from dashboard.core.boards import Boards
from dashboard.core.clock import Clock
from dashboard.core.seasons import Seasons
from dashboard.errors import LockLost
from dashboard.store.client import connect
from dashboard.store.lock import Locks
from dashboard.store.scripts import Scripts

if __name__ == "__main__":
    url, board = sys.argv[1:]
    client = connect(url)
    scripts = Scripts(client)
    locks = Locks(client, scripts)
    boards = Boards(client, scripts, Clock(lambda: time.time_ns() // 1_000_000))
    grant = locks.acquire(f"season:{board}", ttl_ms=300)
    print(grant.fence, flush=True)
    sys.stdin.readline()
    try:
        print(*Seasons(scripts, boards, lambda name: locks.hold(name)).begin_next(board, fence=grant.fence), flush=True)
    except LockLost as lost:
        print(lost.code, flush=True)
