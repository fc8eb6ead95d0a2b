"""Bringing a backup back: online key by key, or a stopped server as a whole."""
