"""Takers: handlers of events inside the hub, for what comes often and needs no greenlet.

A taker is asked for each event of its name that comes on a websocket, before python-socketio sees it. One that says True
takes it, and then calls `reply` exactly once, now or later; False leaves it to the ordinary handler. It must neither block
nor switch. Order: a client's next event waits until this one is answered.
"""

import re
from collections.abc import Callable

Reply = Callable[[bytes | None], None]
"""Takes the answer as JSON; None: nothing was done, and the ordinary handler is to see it after all. An answer nobody asked
for is dropped, but call it all the same.
"""
Taker = Callable[[str, str, Reply], bool]
"""`taker(sid, text, reply)`: the client as python-socketio names it, and the event's JSON: `["name",{...}]`."""

EVENT = re.compile(r'2(|0|[1-9][0-9]{0,14})(\["([^"\\]{1,64})".*)', re.DOTALL)
"""A message that is an event in the namespace `/`: its id for the answer, its JSON, its name."""
