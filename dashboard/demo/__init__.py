"""Simulated game clients, which use the public API as any game would."""
