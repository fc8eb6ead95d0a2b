"""Telling people: messages are queued in the database, and delivered apart, at least once each."""
