"""Bytes and connections: the hot lane of HTTP and a multiplexed Redis connection. Knows no players, no Flask, no key names."""
