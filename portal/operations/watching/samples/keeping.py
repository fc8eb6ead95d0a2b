"""Keeping a look: how each server stands, and a sample of each that answered."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models, transaction

from portal.operations.models import RedisServer, Sample
from portal.operations.watching.readings import Look, Reading, ServerLook
from portal.operations.watching.samples.fields import FIELDS, joined
from portal.operations.watching.samples.stored import reading_of, stored
from portal.operations.watching.turns import slot_of

_LOOKED = ("source", "holds_counters", "looked_at", "failure", "is_in_use", "is_set")
_ANSWERED = (*_LOOKED, "role", "answered_at", "reading")
_PLACE_MAX = RedisServer._meta.get_field("place").max_length or 0
_FAILURE_MAX = RedisServer._meta.get_field("failure").max_length or 0
_SOURCE_MAX = RedisServer._meta.get_field("source").max_length or 0


def last_looks() -> tuple[ServerLook, ...]:
    """Return how the last look at each server in use went: its last reading, and what failed since."""
    rows = RedisServer.objects.filter(is_in_use=True)
    return tuple(
        ServerLook(
            source=row.source,
            place=row.place,
            reading=reading_of(row.reading),
            failure=row.failure,
            holds_counters=row.holds_counters,
            is_set=row.is_set,
        )
        for row in rows
    )


def keep(look: Look) -> None:
    """Keep a look: all of it or nothing. Kept in a span where there is a sample already, it is added to that.

    A server that is not looked at any more is no longer in use; a reading stays until there is a newer one.
    """
    with transaction.atomic():
        servers = [_cut(each) for each in look.servers]
        _write_servers(servers, at=look.at)
        _write_samples(servers, at=slot_of(look.at, every=timedelta(seconds=Sample.Span.LOOK)))


def _write_servers(servers: Sequence[ServerLook], *, at: datetime) -> None:
    answered = [_row(each, at=at) for each in servers if each.reading]
    silent = [_row(each, at=at) for each in servers if not each.reading]
    _upsert(RedisServer, answered, unique=("place",), written=_ANSWERED)
    _upsert(RedisServer, silent, unique=("place",), written=_LOOKED)
    places = [each.place for each in servers]
    RedisServer.objects.filter(is_in_use=True).exclude(place__in=places).update(is_in_use=False)


def _row(look: ServerLook, *, at: datetime) -> RedisServer:
    return RedisServer(
        place=look.place,
        source=look.source,
        role=look.reading.role if look.reading else "",
        holds_counters=look.holds_counters,
        is_set=look.is_set,
        first_seen_at=at,
        looked_at=at,
        answered_at=at if look.reading else None,
        failure=look.failure,
        reading=stored(look.reading) if look.reading else None,
    )


def _write_samples(servers: Sequence[ServerLook], *, at: datetime) -> None:
    keys = dict(RedisServer.objects.filter(place__in=[each.place for each in servers]).values_list("place", "pk"))
    found = {
        keys[each.place]: _fields(each.reading, look=each) for each in servers if each.reading and each.place in keys
    }
    span = Sample.Span.LOOK
    there = Sample.objects.select_for_update().filter(server__in=found, span_seconds=span, at=at)
    before = {row.pop("server_id"): row for row in there.values("server_id", *FIELDS)}
    samples = [
        Sample(server_id=key, span_seconds=span, at=at, **joined([before[key], fields] if key in before else [fields]))
        for key, fields in found.items()
    ]
    write(samples)


def write(samples: Iterable[Sample]) -> None:
    """Write samples; one of the same server, span and moment is replaced."""
    _upsert(Sample, list(samples), unique=("server", "span_seconds", "at"), written=FIELDS)


def _fields(reading: Reading, *, look: ServerLook) -> dict[str, float | int | None]:
    """Return the fields of a sample. Without a reading before, nothing is known to have happened."""
    found: dict[str, float | int | None] = dict.fromkeys(FIELDS, 0)
    found |= {
        "used_memory_bytes": reading.used_memory_bytes,
        "limit_bytes": reading.limit_bytes,
        "rss_bytes": reading.rss_bytes,
        "clients": reading.clients,
        "keys": reading.keys,
        "latency_microseconds": round(reading.latency_seconds * 1e6),
    }
    if change := look.change:
        found |= {
            "seconds": change.seconds,
            "commands": change.commands,
            "hits": change.hits,
            "misses": change.misses,
            "evicted": change.evicted,
            "expired": change.expired,
            "errors": change.errors_oom + change.errors_misconf + change.errors_noperm,
            "rejected_connections": change.rejected_connections,
            "restarts": int(change.has_restarted),
        }
    return found


def _upsert(model: type[models.Model], rows: Sequence[Any], *, unique: Sequence[str], written: Sequence[str]) -> None:
    """Insert rows, or of those that are there write these fields, in one statement for many."""
    targets = unique if connection.features.supports_update_conflicts_with_target else None
    model._default_manager.bulk_create(rows, update_conflicts=True, unique_fields=targets, update_fields=written)


def _cut(look: ServerLook) -> ServerLook:
    """Return a look that its row holds: a large set's place names all its hosts."""
    return replace(
        look, place=look.place[:_PLACE_MAX], source=look.source[:_SOURCE_MAX], failure=look.failure[:_FAILURE_MAX]
    )
