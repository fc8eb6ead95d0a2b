"""The only place that talks to Redis: connection, counters, documents, overrides, tallies, live counters, server."""
