"""How many replicas a primary had lately, which its server itself does not remember."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from portal.operations.models import RedisServer
from portal.operations.watching.readings import REPLICA, Look, Reading, ServerLook

KNOWN_FOR = timedelta(days=1)
"""A replica that was away for so long is not expected back."""
_NOTED_EVERY = timedelta(minutes=10)


def known_replicas(look: Look) -> Mapping[str, int]:
    """Return how many replicas each server that answered had within a day, having noted how many it has now.

    A server that changed its role starts anew: its replicas follow another.
    """
    rows = {row.place: row for row in RedisServer.objects.filter(place__in=[server.place for server in look.servers])}
    return {
        server.place: _note(rows[server.place], server=server, reading=server.reading, now=look.at)
        for server in look.servers
        if server.reading is not None and server.place in rows
    }


def _note(row: RedisServer, *, server: ServerLook, reading: Reading, now: datetime) -> int:
    known, at = row.replicas_known, row.replicas_known_at
    has_more = reading.replicas > known
    changed_role = reading.role == REPLICA or (server.before is not None and server.before.role != reading.role)
    is_old = at is None or at < now - KNOWN_FOR
    is_confirmed = reading.replicas == known and (at is None or at < now - _NOTED_EVERY)
    if has_more or is_old or is_confirmed or (changed_role and reading.replicas != known):
        RedisServer.objects.filter(pk=row.pk).update(replicas_known=reading.replicas, replicas_known_at=now)
        return reading.replicas
    return known
