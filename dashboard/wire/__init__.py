"""Bytes and connections: websockets and plain posts served from the event loop itself, a Redis connection for many callers.

Knows nothing of players, Flask or key names.
"""
