"""The servers that this installation rests on, and what it keeps on each."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from portal.redis_address import RedisAddress


class Part(StrEnum):
    """What the site keeps on a server."""

    CACHE = "cache"
    COUNTERS = "counters"
    BROKER = "broker"


SETTING = {Part.CACHE: "REDIS_URL", Part.COUNTERS: "RATELIMIT_STORAGE_URL", Part.BROKER: "CELERY_BROKER_URL"}
"""Under which name people set the address of each part."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server said of itself. Unless it `answered`, the oldest server that is supported is assumed."""

    engine: str = "redis"
    version: str = "7.0.0"
    has_replicas: bool = False
    answered: bool = False


@dataclass(frozen=True, slots=True)
class SiteServer:
    """One server, or a set of them, and the addresses by which the site's parts use it."""

    addresses: tuple[tuple[Part, RedisAddress], ...]

    @property
    def address(self) -> RedisAddress:
        """The first of the addresses: by it the portal asks the server itself."""
        return self.addresses[0][1]

    @property
    def place(self) -> str:
        """Where it is, without secrets."""
        return self.address.place

    @property
    def parts(self) -> tuple[Part, ...]:
        """What the site keeps there."""
        return tuple(part for part, _ in self.addresses)

    @property
    def has_data(self) -> bool:
        """Whether it is backed up: a server that is only a broker is not, for finished jobs would run again."""
        return self.parts != (Part.BROKER,)

    @property
    def is_cluster(self) -> bool:
        """Whether it has one database, and no SWAPDB."""
        return self.address.is_cluster

    @property
    def is_watched(self) -> bool:
        """Whether Sentinels watch it."""
        return self.address.is_sentinel

    def databases(self, *parts: Part) -> tuple[int, ...]:
        """Return the numbers of the databases of these parts."""
        return tuple(sorted({address.database for part, address in self.addresses if part in parts}))


def site_servers(*, cache: RedisAddress, counters: RedisAddress, broker: RedisAddress) -> tuple[SiteServer, ...]:
    """Return the servers behind three addresses, each once: whoever asks, and for which database."""
    named = ((Part.CACHE, cache), (Part.COUNTERS, counters), (Part.BROKER, broker))
    servers = dict.fromkeys(address.whole for _, address in named)
    return tuple(SiteServer(tuple(pair for pair in named if pair[1].whole == server)) for server in servers)


def address_line(part: Part, address: RedisAddress, *, user: str, password: str) -> str:
    """Return the line of `.env` by which a part uses its server as that user."""
    return f"{SETTING[part]}={address_text(address, user=user, password=password)}"


def address_text(address: RedisAddress, *, user: str, password: str) -> str:
    """Return an address as settings take it, with another user."""
    secret = f"{quote(user, safe='')}:{quote(password, safe='')}@"
    match address.kind:
        case "unix":
            return f"unix://{secret}{quote(address.socket_path)}?db={address.database}"
        case "redis+sentinel":
            return f"redis+sentinel://{secret}{address.place}/{address.service}/{address.database}"
        case "redis+cluster":
            return f"redis+cluster://{secret}{address.place}"
    return f"{address.kind}://{secret}{address.place}/{address.database}"
