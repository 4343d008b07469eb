"""Hold a lock and write once told to, not looking whether it is still ours: `pausing_holder.py URL NAME SCRIPT`."""

import sys

from dashboard.store.client import connect
from dashboard.store.lock import Locks
from dashboard.store.scripts import Scripts

if __name__ == "__main__":
    url, name, write = sys.argv[1:]
    client = connect(url)
    grant = Locks(client, Scripts(client)).acquire(name, ttl_ms=300)
    print(grant.fence, flush=True)
    sys.stdin.readline()
    print(client.eval(write, 2, f"{name}:at", f"{name}:log", grant.fence), flush=True)
