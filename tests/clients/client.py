"""The same client as `client.mjs`, with python-socketio."""

import threading
from typing import Any

import socketio

TRANSPORTS = {"websocket": ["websocket"], "polling": ["polling"], "upgrade": None}


def play(url: str, board: str, mode: str) -> dict[str, Any]:
    """Watch a board and post to it; what the client was told."""
    topic = f"board:{board}:all"
    frames: list[dict[str, Any]] = []
    came = threading.Condition()
    client = socketio.Client(reconnection=False, handle_sigint=False)

    @client.on("board")  # type: ignore[untyped-decorator]
    def board_frame(frame: dict[str, Any]) -> None:
        with came:
            frames.append(frame)
            came.notify_all()

    def ask(event: str, payload: dict[str, Any]) -> Any:
        return client.call(event, payload, timeout=10)

    client.connect(url, transports=TRANSPORTS[mode])
    try:
        told: dict[str, Any] = {"subscribed": ask("subscribe", {"topic": topic, "limit": 20}), "synced": []}
        batch = [{"player": f"плеер {i}", "score": i * 7919 % 1000} for i in range(30)]
        told["results"] = ask("scores", {"board": board, "scores": [*batch, {"player": "", "score": 1}]})["results"]
        told["synced"].append(ask("sync", {"topic": topic, "position": told["results"][29]["position"]}))
        for i in range(4):
            told["results"].append(ask("score", {"board": board, "player": f"плеер {i}", "score": 1000 + i}))
            told["synced"].append(ask("sync", {"topic": topic, "position": told["results"][-1]["position"]}))
        told["refused"] = ask("score", {"board": board, "player": "x", "score": 1.5})
        told["unsubscribed"] = ask("unsubscribe", {"topic": topic})
        told["transport"] = client.transport()
        last = told["synced"][-1]["seq"]
        with came:  # this client hands each message to a thread of its own: an answer may overtake a frame
            assert came.wait_for(lambda: any(frame["seq"] >= last for frame in frames), 10)
            told["frames"] = sorted(frames, key=lambda frame: frame["seq"])
        return told
    finally:
        client.disconnect()
