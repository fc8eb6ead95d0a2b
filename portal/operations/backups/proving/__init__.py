"""Proving that a plain RDB file is a backup: well formed, and loaded by a scratch server."""
