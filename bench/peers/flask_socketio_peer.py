"""Flask, Flask-SocketIO and redis-py as their documentation shows them: one handler, one EVALSHA; boards in rooms."""

import eventlet

eventlet.monkey_patch()

import itertools  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import redis  # noqa: E402
from flask import Flask, request  # noqa: E402
from flask_socketio import SocketIO, join_room, leave_room  # noqa: E402

TICK_S = int(os.environ.get("TICK_MS", "100")) / 1000
QUIET_S = 1.0
SAFE = 2**53 - 1

app = Flask(__name__)
socketio = SocketIO(app)
store: Any = redis.Redis(unix_socket_path=os.environ["REDIS_SOCKET"], decode_responses=True)
submit_scores = store.register_script((Path(__file__).parent / "submit_scores.lua").read_text())
watched: dict[str, dict[str, Any]] = {}
"""What is shown in each room: its page, its epoch and seq, who watches."""
rung: dict[str, float] = {}
"""Until when a board is read: rings are throttled."""
epochs = itertools.count(1)


def is_score(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("player"), str)
        and 1 <= len(item["player"]) <= 128
        and isinstance(item.get("score"), int)
        and abs(item["score"]) <= SAFE
    )


def submit(board: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    words = [word for item in items for word in (item["player"], item["score"])]
    replies = submit_scores(keys=[f"board:{board}", f"events:{board}", f"state:{board}"], args=[board, *words])
    return [
        {
            "player": item["player"],
            "score": int(held),
            "rank": rank + 1,
            "previous_rank": None if before < 0 else before + 1,
            "changed": changed == 1,
            "players": players,
            "position": position,
        }
        for item, (held, rank, before, changed, players, position) in zip(items, replies, strict=True)
    ]


def top(topic: str, limit: int) -> dict[str, Any]:
    key = f"board:{topic.split(':')[1]}"
    with store.pipeline(transaction=False) as pipeline:
        rows, players = pipeline.zrevrange(key, 0, limit - 1, withscores=True).zcard(key).execute()
    page = [{"rank": rank, "player": player, "score": int(score)} for rank, (player, score) in enumerate(rows, 1)]
    return {"players": players, "rows": page}


@app.post("/api/v1/boards/<board>/scores")
def post(board: str) -> Any:
    body = request.get_json()
    items = body.get("scores", [body])
    if not all(is_score(item) for item in items):
        return {"error": "a score is {player, score}"}, 422
    results = submit(board, items)
    return {"results": results} if "scores" in body else results[0]


@socketio.on("score")
def score(data: dict[str, Any]) -> Any:
    return submit(data["board"], [data])[0] if is_score(data) else {"error": "a score is {board, player, score}"}


@socketio.on("scores")
def scores(data: dict[str, Any]) -> Any:
    if not all(is_score(item) for item in data["scores"]):
        return {"error": "a score is {player, score}"}
    return {"results": submit(data["board"], data["scores"])}


@socketio.on("subscribe")
def subscribe(data: dict[str, Any]) -> Any:
    room = f"{data['topic']}#{data.get('limit', 10)}"
    join_room(room)
    page = top(data["topic"], data.get("limit", 10))
    watch = watched.setdefault(room, {"epoch": f"peer-{next(epochs)}", "seq": 0, "page": page, "viewers": set()})
    watch["viewers"].add(request.sid)  # type: ignore[attr-defined]
    snapshot = {"version": watch["seq"], **watch["page"]}
    return {"topic": data["topic"], "epoch": watch["epoch"], "seq": watch["seq"], "snapshot": snapshot}


@socketio.on("unsubscribe")
def unsubscribe(data: dict[str, Any]) -> Any:
    for room, watch in list(watched.items()):
        if room.startswith(f"{data['topic']}#") and request.sid in watch["viewers"]:  # type: ignore[attr-defined]
            leave_room(room)
            watch["viewers"].discard(request.sid)  # type: ignore[attr-defined]
            if not watch["viewers"]:
                del watched[room]
    return {"topic": data["topic"]}


@socketio.on("disconnect")
def disconnect() -> None:
    for room, watch in list(watched.items()):
        watch["viewers"].discard(request.sid)  # type: ignore[attr-defined]
        if not watch["viewers"]:
            del watched[room]


def hear() -> None:
    ears = store.pubsub(ignore_subscribe_messages=True)
    ears.subscribe("changed")
    for message in ears.listen():
        rung[message["data"]] = time.monotonic() + QUIET_S


def tick() -> None:
    while True:
        socketio.sleep(TICK_S)
        for room, watch in list(watched.items()):
            topic, _, limit = room.partition("#")
            if rung.get(topic.split(":")[1], 0.0) < time.monotonic():
                continue
            page = top(topic, int(limit))
            if page == watch["page"]:
                continue
            watch["page"] = page
            watch["seq"] += 1
            frame = {"topic": topic, "epoch": watch["epoch"], "seq": watch["seq"], "full": True, **page}
            socketio.emit("board", frame, to=room)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    socketio.start_background_task(hear)
    socketio.start_background_task(tick)
    port = int(sys.argv[1])
    print(f"Peer is at http://127.0.0.1:{port}", flush=True)
    socketio.run(app, port=port, log_output=False, max_size=20_000)  # else the 1,025th viewer waits for ever
