"""What loops: the broadcaster and its fan-out. Is handed its connections, never makes them; knows nothing of Flask."""
