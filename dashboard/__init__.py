"""Scorecast's rooms; each imports only those below it (see docs/architecture.md)."""
