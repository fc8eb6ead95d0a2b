"""Which servers a Sentinel set or a Cluster has, as its members tell: those that are down among them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from portal.operations.redis_answers import fields_of, text_of
from portal.operations.watching.at_once import at_once
from portal.operations.watching.reading.connecting import NoAnswer, connected, using
from portal.redis_address import Client, RedisAddress

ANSWER_SECONDS = 1.0
_SECONDS = 2.0
SERVERS_MAX = 500
"""Of a set. No set of Sentinels, and hardly a Cluster, is larger; each is a thread, a connection and a row."""
_LATE = "does not answer in time"


@dataclass(frozen=True, slots=True)
class Listing:
    """The servers of a set, each at an address of its own; and what is wrong with the set, to follow its place."""

    servers: tuple[RedisAddress, ...] = ()
    failure: str = ""


def listings(sets: Sequence[RedisAddress]) -> dict[RedisAddress, Listing]:
    """Return the servers of each set: all that any of its members knows of. All members are asked at once."""
    members = [(address, address.member(*host)) for address in sets for host in address.hosts]
    answers = at_once(_ask, members, seconds=_SECONDS)
    found: dict[RedisAddress, list[Listing]] = {address: [] for address in sets}
    for (address, member), answer in zip(members, answers, strict=True):
        found[address].append(answer or Listing(failure=f"{member.place} {_LATE}"))
    return {address: _all_of(told, address=address) for address, told in found.items()}


def _all_of(told: Sequence[Listing], *, address: RedisAddress) -> Listing:
    servers = tuple(dict.fromkeys(server for each in told for server in each.servers))
    failures = "; ".join(dict.fromkeys(each.failure for each in told if each.failure))
    if not servers:
        return Listing(failure=f"tells of no servers: {failures}")
    if len(servers) > SERVERS_MAX:
        failure = f"tells of {len(servers):,} servers, which is unlikely: {SERVERS_MAX} of them are watched"
        return Listing(servers[:SERVERS_MAX], failure=failure)
    answering = sum(not each.failure for each in told)
    # It takes more than half of the Sentinels to choose who leads a failover.
    if address.service and 2 * answering <= len(told):
        return Listing(
            servers, failure=f"cannot fail over, for {answering} of {len(told)} Sentinels answer: {failures}"
        )
    return Listing(servers)


def _ask(asked: tuple[RedisAddress, RedisAddress]) -> Listing:
    address, member = asked
    try:
        return Listing(tuple(_of_sentinel(address, member) if address.service else _of_node(address, member)))
    except NoAnswer as error:
        return Listing(failure=f"{member.place} {error}")
    except Exception as error:
        # Whatever one tells must not hide what the others do. The error's own words may be the server's.
        return Listing(failure=f"{member.place} answers what cannot be read ({type(error).__name__})")


def _of_sentinel(address: RedisAddress, member: RedisAddress) -> Iterator[RedisAddress]:
    with connected(member, answer_seconds=ANSWER_SECONDS) as sentinel, using("SENTINEL"):
        primary = sentinel.sentinel_get_master_addr_by_name(address.service)
        if primary is None:
            raise NoAnswer(f"knows no {address.service}")
        replicas = sentinel.sentinel_slaves(address.service)
    yield from _servers(address, [primary, *((replica["ip"], replica["port"]) for replica in replicas)])


def _of_node(address: RedisAddress, member: RedisAddress) -> Iterator[RedisAddress]:
    with connected(member, answer_seconds=ANSWER_SECONDS) as node, using("CLUSTER SHARDS"):
        shards = _shards(node)
    nodes = (fields_of(node) for shard in shards for node in fields_of(shard)["nodes"])
    ((own_host, _),) = member.hosts
    # A node that does not know its own host leaves it empty.
    yield from _servers(address, [(node.get("ip") or own_host, node.get("port", 0)) for node in nodes])


def _shards(node: Client) -> Any:
    try:
        return node.execute_command("CLUSTER", "SHARDS")
    except redis.ResponseError as error:
        if "cluster support disabled" in str(error):
            raise NoAnswer("is no node of a Cluster") from error
        raise


def _servers(address: RedisAddress, hosts: Iterable[tuple[Any, Any]]) -> Iterator[RedisAddress]:
    """Yield the address of each; what is none is left out, as replicas at port 0, which are backups under way."""
    for host, port in hosts:
        try:
            yield address.server(text_of(host), int(port))
        except ValueError:
            continue
