"""Takers: handlers of events inside the hub, for what comes often and needs no greenlet.

A taker is asked for each event of its name that comes on a websocket, before python-socketio sees it. One that says True
takes it, and then calls `reply` exactly once, now or later; False leaves it to the ordinary handler. It must neither block
nor switch. Order: an event that comes behind taken ones, and is not taken itself, waits until those are answered; while such
events wait or are handled, nothing is taken.
"""

import re
from collections.abc import Callable

Reply = Callable[[bytes], None]
"""Takes the answer as JSON. An answer nobody asked for is dropped, but call it all the same."""
Taker = Callable[[str, str, Reply], bool]
"""`taker(sid, text, reply)`: the client as python-socketio names it, and the event's JSON: `["name",{...}]`."""

EVENT = re.compile(r'42(\d{0,15})\["([^"\\]{1,64})"')
"""An event in the namespace `/`: its id for the answer, its name."""
