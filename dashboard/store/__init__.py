"""The Redis tools: client, embedded server, key names, scripts. Knows nothing of players and Flask."""
