"""Bytes and connections: websockets and posts served from the event loop itself, and one Redis connection of many callers.

Knows nothing of players, Flask or key names.
"""
