"""`run.py` with little patience: `python impatient_server.py TIMEOUT_S [flags of run.py]`.

A ping every second must be answered in TIMEOUT_S, and on HTTP something be said as often. As shipped, a connection that has
died without a word is found out after 45 s, on HTTP after 75 to 150.
"""

import sys

TIMEOUT_S = int(sys.argv.pop(1))  # whole seconds: clients are told no fractions

import run  # noqa: E402  it reads the flags and patches the standard library
from dashboard.web import server  # noqa: E402

make = server.make_socketio


def make_impatient(*given):  # type: ignore[no-untyped-def]
    socketio = make(*given)
    socketio.server.eio.ping_interval, socketio.server.eio.ping_timeout = 1, TIMEOUT_S
    return socketio


server.make_socketio = make_impatient
server.SILENT_S = TIMEOUT_S

if __name__ == "__main__":
    run.main()
