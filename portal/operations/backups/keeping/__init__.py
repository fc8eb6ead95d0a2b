"""Keeping backups: packed, put on the shelf (a Django storage) whole or not at all, given out only when unchanged."""
