"""Bytes and connections: websockets served from the event loop itself. Knows nothing of players, Flask or key names."""
