"""Which servers the site rests on: every one of the addresses in its settings, each once."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from portal.operations.addresses import LIMITS, site_addresses
from portal.operations.watching.reading.listing import Listing, listings
from portal.operations.watching.readings import ServerLook
from portal.redis_address import RedisAddress


@dataclass(frozen=True, slots=True)
class Server:
    """One server. Of several addresses of ours that it serves, it is asked by the first."""

    address: RedisAddress
    sources: tuple[str, ...]

    @property
    def place(self) -> str:
        """host:port, or a socket's path: its name."""
        return self.address.place

    @property
    def source(self) -> str:
        """What it serves, as in `redis, limits`."""
        return ", ".join(self.sources)

    @property
    def holds_counters(self) -> bool:
        """Whether the limits are counted there."""
        return LIMITS in self.sources


@dataclass(frozen=True, slots=True)
class Watched:
    """The servers to ask, and the sets that do not tell which they have, or cannot fail over."""

    servers: tuple[Server, ...]
    untold: tuple[ServerLook, ...]


def watched(*, known: Collection[ServerLook] = ()) -> Watched:
    """Return the servers that the site rests on.

    Of a Sentinel set and of a Cluster it is all that their members list, also what is down. Where no member answers,
    it is what was `known` before, and the set itself is one that failed.
    """
    sources = {name: _whole(address) for name, address in site_addresses().items()}
    told = listings(list(dict.fromkeys(address for address in sources.values() if address.is_set)))
    addresses = [
        (server, source)
        for source, address in sources.items()
        for server in _servers(address, told=told.get(address), known=known, source=source)
    ]
    untold = [(address, source) for source, address in sources.items() if address in told and told[address].failure]
    return Watched(
        servers=_each_once(addresses),
        untold=tuple(_failed(server, told[server.address]) for server in _each_once(untold)),
    )


def _whole(address: RedisAddress) -> RedisAddress:
    """Return an address of the server, or of the set, whatever database of it is used."""
    return replace(address, database=0)


def _servers(
    address: RedisAddress, *, told: Listing | None, known: Collection[ServerLook], source: str
) -> tuple[RedisAddress, ...]:
    if told is None:
        return (address,)
    return told.servers or tuple(_known_before(address, known=known, source=source))


def _known_before(address: RedisAddress, *, known: Collection[ServerLook], source: str) -> Iterator[RedisAddress]:
    for each in known:
        host, _, port = each.place.rpartition(":")
        is_sentinel = bool(address.service) and each.place == address.place
        if source in each.source.split(", ") and port.isdigit() and not is_sentinel:
            try:
                yield address.server(host.strip("[]"), int(port))
            except ValueError:
                continue  # A set that failed before, or a socket.


def _each_once(addresses: Collection[tuple[RedisAddress, str]]) -> tuple[Server, ...]:
    found: dict[str, Server] = {}
    for address, source in addresses:
        before = found.get(address.place, Server(address, ()))
        found[address.place] = replace(before, sources=(*before.sources, source))
    return tuple(found.values())


def _failed(server: Server, listing: Listing) -> ServerLook:
    return ServerLook(
        source=server.source,
        place=server.place,
        failure=listing.failure,
        holds_counters=server.holds_counters,
        is_set=True,
    )
