"""The address of one server that this site rests on: its place, and the credentials of the settings."""

from collections.abc import Iterator
from dataclasses import replace

from portal.operations.addresses import BROKER, LIMITS, REDIS, site_addresses
from portal.redis_address import RedisAddress

USES = {REDIS: "cache, locks", LIMITS: "counters and synced policies", BROKER: "Celery’s queues"}
"""What this site keeps at each of its addresses, by the name of the address."""


def is_clustered(source: str) -> bool:
    """Say whether a source is a Cluster."""
    return any(address.is_cluster for _, address in addresses_of(source))


def addresses_of(source: str) -> Iterator[tuple[str, RedisAddress]]:
    """Yield the name and the address of each that a server serves; a source is such as `redis, limits`."""
    known = site_addresses()
    for name in source.split(","):
        if name.strip() in known:
            yield name.strip(), known[name.strip()]


def address_of(place: str, *, source: str) -> RedisAddress:
    """Return the address of the server at a place: host:port, or a socket's path; its database is 0.

    The settings' credentials go to no other server than theirs: a place is that of an address of the source, or, as
    the watch was told, of a server of its set. Raises LookupError where it is neither.
    """
    found = (_server(address, place=place) for _, address in addresses_of(source))
    address = next(filter(None, found), None)
    if address is None:
        raise LookupError(place)
    return address


def _server(address: RedisAddress, *, place: str) -> RedisAddress | None:
    if not address.is_set:
        return replace(address, database=0) if address.place == place else None
    if address.is_sentinel and address.place == place:
        return None  # The Sentinels stand for their set there, and hold no data.
    host, _, port = place.rpartition(":")
    try:
        return address.server(host.strip("[]"), int(port))
    except ValueError:
        return None
