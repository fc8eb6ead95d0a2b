"""Which servers hold the data of an address: one for each part of the backup."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from portal.operations.backups.taking.connecting import client_of, connected, telling
from portal.operations.backups.taking.errors import CannotTake
from portal.operations.backups.taking.survey import Role, survey
from portal.operations.redis_answers import text_of
from portal.redis_address import Client, RedisAddress

Answer = TypeVar("Answer")
Host = tuple[str, int]

WHOLE = "all"
_SLOTS = 16_384


@dataclass(frozen=True, slots=True)
class Node:
    """One server to take a part from. `name` is the part's file name without its ending."""

    name: str
    address: RedisAddress
    role: str
    warnings: tuple[str, ...] = ()


def nodes(address: RedisAddress) -> tuple[Node, ...]:
    """Return the servers that together hold all data of an address. Raises CannotTake.

    A single server is itself one. Of a Sentinel set it is the healthy replica that lags least, else the primary; of a
    Cluster every primary, all slots being covered.
    """
    if address.is_sentinel:
        return (_of_sentinels(address),)
    if address.is_cluster:
        return _of_cluster(address)
    return (_single(replace(address, database=0)),)


def _single(address: RedisAddress) -> Node:
    with connected(address) as client:
        found = survey(client, place=address.place)
    warnings = (
        (
            f"{address.place} is one server of a Cluster: only the slots of this one are in the backup. "
            "Write redis+cluster:// in the address to take all.",
        )
        if found.is_clustered
        else ()
    )
    return Node(WHOLE, address, found.facts.role, warnings)


def _of_sentinels(address: RedisAddress) -> Node:
    replicas, primary = _first_answer(address, _replicas_and_primary)
    for host in replicas:
        try:
            node = _single(_one_server(address, host))
        except CannotTake:
            continue
        if node.role == Role.REPLICA:
            return node
    return replace(_single(_one_server(address, primary)), warnings=(_of_the_primary(address.service),))


def _of_the_primary(service: str) -> str:
    return (
        f"No replica of {service} is healthy, so its primary was asked. If the backup went over the wire and took "
        "longer than 10 s, Sentinels may list a replica that is none (a port 0, always down): "
        f"`SENTINEL RESET {service}` on each Sentinel, one after the other, takes it away."
    )


def _replicas_and_primary(sentinel: Client, address: RedisAddress) -> tuple[Sequence[Host], Host]:
    """Return the healthy replicas, the one that lags least first, and the primary."""
    primary = sentinel.sentinel_get_master_addr_by_name(address.service)
    if primary is None:
        raise CannotTake(f"The Sentinels know no {address.service}. Look at the name in the address.")
    healthy = [replica for replica in sentinel.sentinel_slaves(address.service) if _is_healthy(replica)]
    healthy.sort(key=lambda replica: int(replica["slave-repl-offset"]), reverse=True)
    host, port = primary
    return [(replica["ip"], int(replica["port"])) for replica in healthy], (text_of(host), int(port))


def _is_healthy(replica: dict[str, Any]) -> bool:
    is_away = replica["is_sdown"] or replica["is_odown"] or replica["is_disconnected"]
    return not is_away and replica["master-link-status"] == "ok" and int(replica["port"]) > 0


def _of_cluster(address: RedisAddress) -> tuple[Node, ...]:
    slots_by_host = _first_answer(address, _slots_by_host)
    missing = _SLOTS - sum(slots_by_host.values())
    if missing:
        raise CannotTake(
            f"Nobody in the Cluster serves {missing:,} of its {_SLOTS:,} slots, and a backup would miss their keys. "
            "See to it (CLUSTER SHARDS), and try again."
        )
    return tuple(
        Node(part_name(host, port), _one_server(address, (host, port)), Role.PRIMARY)
        for host, port in sorted(slots_by_host)
    )


def part_name(host: str, port: int) -> str:
    """Return the name of a server's part: a file's name, which begins with a letter or a digit."""
    return f"{host.replace(':', '_').replace('%', '_').lstrip('_')}-{port}".lstrip("-")


def _slots_by_host(node: Client, address: RedisAddress) -> dict[Host, int]:
    """Return how many slots each primary serves: CLUSTER SLOTS, each [first, last, [host, port, …], replicas…]."""
    counts: dict[Host, int] = {}
    asked = node.connection_pool.connection_kwargs["host"]
    for first, last, (host, port, *_), *_ in node.execute_command("CLUSTER", "SLOTS"):
        # A server that does not know its own host leaves it empty.
        primary = (text_of(host or b"") or asked, port)
        counts[primary] = counts.get(primary, 0) + last - first + 1
    return counts


def _first_answer(address: RedisAddress, ask: Callable[[Client, RedisAddress], Answer]) -> Answer:
    """Return what the first of an address's hosts answers that answers at all."""
    failures = []
    for host in address.hosts:
        asked = _one_server(address, host)
        # Sentinels have no part in the credentials of the servers that they watch.
        asked = asked.without_credentials if address.is_sentinel else asked
        try:
            with telling(asked.place), client_of(asked) as client:
                return ask(client, address)
        except CannotTake as error:
            failures.append(str(error))
    raise CannotTake(" ".join(dict.fromkeys(failures)))


def _one_server(address: RedisAddress, host: Host) -> RedisAddress:
    name, port = host
    try:
        return address.server(name, int(port))
    except ValueError as error:
        raise CannotTake(
            f"A server tells of another one at {name[:80]!r}, which is no address. Look whose it is."
        ) from error
