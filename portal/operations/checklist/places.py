"""Which servers are behind the site's addresses: of a Sentinel set and of a Cluster, every one."""

from collections.abc import Iterable
from dataclasses import dataclass

import redis

from portal.operations.acl.servers import SiteServer
from portal.operations.checklist.asking import CannotAsk, Server, in_a_line
from portal.operations.redis_answers import text_fields_of, text_of
from portal.operations.watching.reading.listing import SERVERS_MAX
from portal.redis_address import RedisAddress

Host = tuple[str, int]
SENTINEL, CLUSTER = "redis+sentinel", "redis+cluster"


@dataclass(frozen=True, slots=True)
class Found:
    """The servers behind one address of the site; `failure` says why they could not be found out, '' if they were."""

    site: SiteServer
    servers: tuple[Server, ...] = ()
    failure: str = ""


def find(site: SiteServer) -> Found:
    """Return the servers behind an address."""
    address, parts = site.address, frozenset(site.parts)
    if not address.is_set:
        return Found(site, (Server(address, parts=parts),))
    ask = _of_sentinel if address.is_sentinel else _of_cluster
    failures = []
    for host in address.hosts:
        asked = Server(address.member(*host), parts=parts, kind=address.kind)
        try:
            hosts = ask(asked, address)
            if len(hosts) > SERVERS_MAX:
                raise CannotAsk(f"it tells of {len(hosts):,} servers, which is unlikely")
            servers = tuple(_servers(address, hosts, site=site))
        except (CannotAsk, redis.RedisError, LookupError, TypeError, ValueError) as error:
            failures.append(f"{asked.place}: {in_a_line(error)}.")
            continue
        finally:
            asked.close()
        return Found(site, servers)
    return Found(site, failure=" ".join(failures))


def _servers(address: RedisAddress, hosts: Iterable[tuple[Host, str]], *, site: SiteServer) -> Iterable[Server]:
    for host, role in hosts:
        yield Server(address.server(*host), parts=frozenset(site.parts), role=role, kind=address.kind)


def _of_sentinel(sentinel: Server, address: RedisAddress) -> list[tuple[Host, str]]:
    primary = sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", address.service)
    if not primary:
        raise CannotAsk(f"the Sentinel knows no {address.service}")
    found = [((text_of(primary[0]), int(primary[1])), "primary")]
    for replica in sentinel.ask("SENTINEL", "REPLICAS", address.service):
        told = text_fields_of(replica)
        # A Sentinel may list a replica of port 0, which a backup over the wire left there.
        if int(told["port"]):
            found.append(((told["ip"], int(told["port"])), "replica"))
    return found


def _of_cluster(node: Server, address: RedisAddress) -> list[tuple[Host, str]]:
    found: dict[Host, str] = {}
    asked = node.address.hosts[0][0]
    for _, _, *nodes in node.ask("CLUSTER", "SLOTS"):
        for nth, (host, port, *_) in enumerate(nodes):
            found[(text_of(host or b"") or asked, int(port))] = "replica" if nth else "primary"
    return sorted(found.items()) or [(host, "") for host in address.hosts]
