"""What is backed up: the Redis of this site, and the one in which it counts where that is another server."""

from dataclasses import dataclass

from django.conf import settings

from portal.operations.addresses import BROKER, site_addresses
from portal.redis_address import RedisAddress

ELSEWHERE = "elsewhere"
"""Stands for a source where data came from a server that is none of ours."""


@dataclass(frozen=True, slots=True)
class Source:
    """A server, or a set of them, under the name that its backups begin with."""

    name: str
    address: RedisAddress


class NoSuchSource(LookupError):
    """A name that no source has; the message says which there are."""


def sources() -> tuple[Source, ...]:
    """Return all sources. The broker's server is none: a queue that comes back runs finished jobs again."""
    found = [Source(name, address) for name, address in site_addresses().items() if name != BROKER]
    places = [source.address.whole for source in found]
    return tuple(source for number, source in enumerate(found) if places[number] not in places[:number])


def source_names() -> tuple[str, ...]:
    """Return the names of all sources."""
    return tuple(source.name for source in sources())


def source_named(name: str) -> Source:
    """Return a source by its name. Raises NoSuchSource."""
    known = {source.name: source for source in sources()}
    if name not in known:
        raise NoSuchSource(f"There is no source “{name}”. There are: {', '.join(known)}.")
    return known[name]


def celery_databases(address: RedisAddress) -> frozenset[int]:
    """Return the databases of a server that Celery's queues are in."""
    if settings.BROKER.whole != address.whole or address.is_cluster:
        return frozenset()
    others = {other.database for other in (settings.REDIS, settings.RATELIMIT_STORAGE) if other.whole == address.whole}
    return frozenset({settings.BROKER.database} - others)


def used_databases(address: RedisAddress) -> frozenset[int]:
    """Return the databases of a server that this site uses, be they empty or not."""
    return frozenset(other.database for other in site_addresses().values() if other.whole == address.whole)
