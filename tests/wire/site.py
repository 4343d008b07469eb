"""A server with the product's transport and events that do nothing but what a test of it needs. Prints its port.

`python -m tests.wire.site '{"limits": {"slow_s": 2.0}, "ping": [2, 1], "library": false, "rename": false, "slice_s": 0.002}'`:
`limits` are those of WireLimits; `library` serves websockets by the library alone; `rename` gives a hooked method another
signature first; `slice_s` is how long a greenlet may run while others could.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import eventlet

eventlet.monkey_patch()

import gc  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from functools import partial  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import engineio  # noqa: E402
from flask import Blueprint, jsonify, request  # noqa: E402
from greenlet import greenlet  # type: ignore[import-untyped]  # noqa: E402

from dashboard.web import server as web  # noqa: E402
from dashboard.wire import tasks  # noqa: E402
from dashboard.wire import transport as wire  # noqa: E402
from dashboard.wire.http_lane import Lane, NoDesk, make_protocol  # noqa: E402
from dashboard.wire.limits import WireLimits  # noqa: E402

options = json.loads(sys.argv[1])
logging.basicConfig(level=logging.WARNING)
logging.getLogger("engineio.server").setLevel(logging.CRITICAL)
logging.getLogger("socketio.server").setLevel(logging.CRITICAL)
if options.get("rename"):
    known = engineio.Server._handle_connect
    engineio.Server._handle_connect = lambda self, request, *rest: known(self, request, *rest)

pages = Blueprint("pages", __name__)
flask = web.make_flask([])
socketio = web.make_socketio(flask, "eventlet", ["*"])
sio = socketio.server
sio.eio.ping_interval, sio.eio.ping_timeout = options.get("ping", [25, 20])
sio.eio.max_http_buffer_size = options.get("most", 20_000)
plain = options.get("library")
limits = WireLimits(**{"connections": 15_000, **options.get("limits", {})})
tasks.SLICE_S = options.get("slice_s", tasks.SLICE_S)
transport = None if plain else wire.attach(sio, limits)
reasons: Counter[str] = Counter()
handled: list[Any] = []
late = 0.0


@sio.on("connect")  # type: ignore[untyped-decorator]
def connect(sid: str, environ: dict[str, Any], auth: object = None) -> bool | None:
    if "deny" in environ["QUERY_STRING"]:
        return False
    if "think" in environ["QUERY_STRING"]:
        time.sleep(0.5)
    sio.enter_room(sid, "all")
    return None


@sio.on("disconnect")  # type: ignore[untyped-decorator]
def disconnect(sid: str, reason: str) -> None:
    reasons[reason] += 1


@sio.on("*")  # type: ignore[untyped-decorator]
def anything(event: str, sid: str, *payload: Any) -> Any:
    if event == "slow":
        time.sleep(payload[0])
        handled.append(payload[-1])
        return payload[-1]
    if event == "join":
        sio.enter_room(sid, payload[0])
    elif event == "leave":
        sio.leave_room(sid, payload[0])
    elif event == "rooms":
        return sorted(room for room in sio.rooms(sid) if room != sid)
    elif event == "to":
        sio.emit("said", payload[1], room=payload[0])
    elif event == "session":
        with sio.session(sid) as session:
            session["n"] = session.get("n", 0) + 1
            return session["n"]
    elif event == "bye":
        sio.disconnect(sid)
    return payload[0] if payload else None


if transport is not None:

    def double(sid: str, text: str, reply: Any) -> bool:
        """A taker; with a number of seconds it answers later, with less than none by giving the event back. A second number is
        how long it keeps the loop busy.
        """
        event, value, *busy_s = json.loads(text)
        if not isinstance(value, int | float):
            return False
        until = time.monotonic() + sum(busy_s)
        while time.monotonic() < until:
            pass
        handled.append(event)
        answer = json.dumps([sid, value * 2]).encode() if value >= 0 else None
        if value:
            eventlet.hubs.get_hub().schedule_call_global(abs(value), reply, answer)
        else:
            reply(answer)
        return True

    transport.takers["double"] = double


handshakes = transport.handshakes({"flask.app": flask}) if transport else None


def flow(room: str, n: int, size: int, hz: float, how: str) -> None:
    """`n` frames to a room, each with its number; one that stands for those before it is `full`."""
    for seq in range(1, n + 1):
        frame: dict[str, object] = {"seq": seq, "full": False, "pad": "x" * size}
        if how != "emit" and transport is not None:
            transport.publish("frame", frame, room, partial(dict, frame, full=True))
        else:
            sio.emit("frame", frame, room=room)
        if how == "both":
            (transport or sio).emit("each", seq, room)
        time.sleep(1 / hz)
    handled.append(f"flow {room}")


def watch_the_loop() -> None:
    global late
    while True:
        due = time.monotonic() + 0.005
        time.sleep(0.005)
        late = max(late, time.monotonic() - due)


@pages.get("/do/<what>")
def do(what: str) -> Any:
    given: Any = request.args.get
    to = given("to")
    if what == "emit":
        sio.emit("one", {"n": 1}, to=to)
    elif what == "call":
        answered = eventlet.event.Event()  # `call` is for servers that handle events of one client at once
        sio.emit("ask", {"q": 1}, to=to, callback=answered.send)
        return jsonify(answered.wait(5))
    elif what == "kick":
        sio.disconnect(to)
    elif what == "drop":
        sio.eio.disconnect(sio.manager.eio_sid_from_sid(to, "/"))
    elif what == "flow":
        size, hz = int(given("size", 100)), float(given("hz", 100))
        eventlet.spawn_n(flow, given("room", "all"), int(given("n", 10)), size, hz, given("how", "publish"))
    elif what == "late":
        global late
        seen, late = late, 0.0
        return jsonify(seen)
    elif what == "environ":
        environ = sio.get_environ(to)
        return jsonify({name: str(value) for name, value in environ.items() if name != "wsgi.input"})
    elif what == "collect":
        gc.collect()
    return jsonify(None)


@pages.get("/state")
def state() -> Any:
    """What must come back to where it was when all have gone."""
    hub, manager = eventlet.hubs.get_hub(), sio.manager
    live = sum(isinstance(each, greenlet) and not each.dead for each in gc.get_objects())
    poller = transport.poller if transport else None
    return jsonify(
        tables={
            "sockets": len(sio.eio.sockets),
            "environs": len(sio.environ),
            "rooms": sum(map(len, manager.rooms.get("/", {}).values())),
            "pending": len(manager.pending_connect) + len(manager.pending_disconnect),
            "rooms of clients": len(getattr(manager, "_of_client", ())),
            "viewers": len(getattr(manager, "viewers", ())),
            "connections": len(poller.connections) if poller else 0,
            "waiting": len(poller.waiting) if poller else 0,
            "held": poller.held if poller else 0,
            "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208
            "listeners": len(hub.listeners["read"]) + len(hub.listeners["write"]),
            "greenlets": live,
        },
        transport=transport is not None,
        hot=handshakes.answered if handshakes else 0,
        replaced=poller.replaced if poller else 0,
        reasons=reasons,
        handled=handled,
        rss_kb=int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4,
        cpu_s=sum(os.times()[:2]),
    )


def main() -> None:
    flask.register_blueprint(pages)
    over: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: over.append(number))
    eventlet.spawn_n(watch_the_loop)
    listener = web.listen("127.0.0.1", 0)
    protocol = make_protocol(Lane(NoDesk(), handshakes)) if handshakes else None
    end = web.serve(flask, socketio, listener, transport, protocol)
    print(listener.getsockname()[1], flush=True)
    while not over:
        time.sleep(0.02)
    end()


if __name__ == "__main__":
    main()
