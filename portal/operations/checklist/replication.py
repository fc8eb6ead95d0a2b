"""Replicas, Sentinels, Clusters: is there another one to go on with, and would it be found."""

import shlex
from collections.abc import Iterator

import redis

from portal.operations.checklist.asking import CannotAsk, Server, in_a_line
from portal.operations.checklist.context import each_server, each_site
from portal.operations.checklist.mending import Mending
from portal.operations.checklist.places import CLUSTER, SENTINEL, Found
from portal.operations.checklist.values import Line, Verdict, failed, passed, unknown
from portal.operations.redis_answers import text_fields_of, text_of

_SLOTS = 16_384
_SILENT_SECONDS = 10


def _replication(server: Server) -> Verdict:
    told = server.info
    if told.get("role") == "slave":
        return _replica(server)
    replicas = [told[f"slave{number}"] for number in range(int(told.get("connected_slaves", 0)))]
    away = [replica for replica in replicas if replica["state"] != "online"]
    if away:
        places = ", ".join(f"{replica['ip']}:{replica['port']} ({replica['state']})" for replica in away)
        return failed(
            f"Not in step: {places}.", advice="Look at the replica's log, and at its masteruser and masterauth."
        )
    if replicas:
        return passed(f"{len(replicas)} in step.")
    if server.kind in (SENTINEL, CLUSTER):
        return _lonely(server)
    return passed("It is a server by itself. While it is away, each policy does what it says of a time without Redis.")


def _replica(server: Server) -> Verdict:
    told = server.info
    if server.kind not in (SENTINEL, CLUSTER):
        primary = f"{told.get('master_host')}:{told.get('master_port')}"
        return failed(
            f"It is a replica of {primary}: it takes no write, so nothing is counted.",
            mend=Mending(server).commands(("REPLICAOF", "NO", "ONE")),
            advice=f"Mend the address in the settings, if {primary} is the one to use. If that one is gone for good, "
            "the command makes this one the primary.",
        )
    silent = int(told.get("master_last_io_seconds_ago", 0))
    if told.get("master_link_status") == "up" and silent <= _SILENT_SECONDS:
        return passed(f"It follows {told.get('master_host')}:{told.get('master_port')}.")
    return failed(
        f"It has lost its primary, {told.get('master_host')}:{told.get('master_port')}.",
        mend=Mending(server).commands(("INFO", "replication")),
        advice="See that the primary answers from there, and that masteruser and masterauth are right.",
    )


def _lonely(server: Server) -> Verdict:
    host, port = server.address.hosts[0]
    if server.kind == SENTINEL:
        return failed(
            "It has no replica: no Sentinel can put another in its place.",
            mend=(f"redis-cli -h NEW-HOST -p 6379 REPLICAOF {host} {port}",),
            advice="Start an empty server first, with its address in the place of NEW-HOST. Sentinels find it then.",
        )
    # What a server says goes into no shell as it is.
    node = shlex.quote(text_of(server.ask("CLUSTER", "MYID")))
    return failed(
        "It has no replica: with it its part of the Cluster is gone.",
        mend=(
            *Mending(server).login(("CLUSTER",)),
            f"redis-cli --cluster add-node NEW-HOST:6379 {host}:{port} --cluster-slave --cluster-master-id {node}",
        ),
        advice="Start an empty server for a Cluster first, and put its address in the place of NEW-HOST:6379.",
    )


# The set as a whole


def _quorum(found: Found) -> Verdict:
    kind = found.site.address.kind
    if kind == SENTINEL:
        return _sentinels(found)
    if kind == CLUSTER:
        return _cluster(found)
    return passed("One server needs none.")


def _sentinels(found: Found) -> Verdict:
    address = found.site.address
    problems, mend, usable = [], [], 0
    for host in address.hosts:
        sentinel = Server(address.member(*host), parts=frozenset(found.site.parts), kind=SENTINEL)
        try:
            answer = text_of(sentinel.ask("SENTINEL", "CKQUORUM", address.service))
            usable = max(usable, int(answer.split()[1]))
            mend += list(_resets(sentinel, address.service))
        except (CannotAsk, redis.RedisError, LookupError, ValueError) as error:
            problems.append(f"{sentinel.place}: {in_a_line(error)}.")
            mend.append(Mending(sentinel).cli("SENTINEL", "CKQUORUM", address.service, user=""))
        finally:
            sentinel.close()
    if not problems and not mend:
        return passed(f"{usable} Sentinels agree about {address.service}, enough to put another server in its place.")
    words = " ".join(problems) or f"The Sentinels list a replica of {address.service} that is none (port 0)."
    advice = "Start the Sentinels that are away; each command then answers OK." if problems else "One after the other."
    return failed(words, mend=tuple(mend), advice=advice)


def _resets(sentinel: Server, service: str) -> Iterator[str]:
    """Yield what makes a Sentinel forget a replica of port 0: a long backup from the primary leaves one."""
    replicas = [text_fields_of(told) for told in sentinel.ask("SENTINEL", "REPLICAS", service)]
    if any(replica["port"] == "0" for replica in replicas):
        yield Mending(sentinel).cli("SENTINEL", "RESET", service, user="")


def _cluster(found: Found) -> Verdict:
    """Judge a Cluster as each of its servers sees it: what one lost, others may not have heard of."""
    if not found.servers:
        return unknown(f"None that the address names answers. {found.failure}")
    for server in found.servers:
        told = _cluster_info(server)
        state, covered = told.get("cluster_state", ""), int(told.get("cluster_slots_ok", 0))
        if state != "ok" or covered != _SLOTS:
            return _broken_cluster(server, state, missing=_SLOTS - covered)
    primaries = sum(each.role != "replica" for each in found.servers)
    return passed(f"All {_SLOTS:,} slots are served, by {primaries} primaries.")


def _broken_cluster(server: Server, state: str, *, missing: int) -> Verdict:
    return failed(
        f"{server.place} says that its state is {state or 'not known'}, and that {missing:,} of {_SLOTS:,} slots are "
        "served by nobody.",
        mend=(*Mending(server).login(("CLUSTER",)), f"redis-cli --cluster fix {server.place}"),
        advice="Start the servers that are away first: the command gives their slots to others, and what they held is "
        "lost then.",
    )


def _cluster_info(server: Server) -> dict[str, str]:
    told = server.ask("CLUSTER", "INFO")
    if isinstance(told, dict):
        return text_fields_of(told)
    return dict(line.split(":", 1) for line in text_of(told).split("\r\n") if ":" in line)


LINES = (
    Line(
        "replication",
        "Replication",
        "Replicas are in step",
        "A replica that lags, or lost its primary, takes over with old counts or not at all.",
        each_server(_replication),
    ),
    Line(
        "quorum",
        "Replication",
        "Sentinels or Cluster can replace a server",
        "Without a majority of Sentinels nobody decides who takes over; a Cluster of which a part is served by nobody "
        "counts nobody of that part.",
        each_site(_quorum),
    ),
)
