"""Channels and messages in the admin: who is told, and what became of it."""
