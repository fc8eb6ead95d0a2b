"""Replication: whether replicas hear their primary, how far they are behind, and whether one is missing."""

from collections.abc import Iterable, Sequence

from portal.operations.watching.alerts.conditions.condition import (
    Condition,
    Facts,
    Finding,
    Found,
    Scope,
    no_data,
    of_servers,
    yes_or_no,
)
from portal.operations.watching.alerts.conditions.known_replicas import known_replicas
from portal.operations.watching.readings import REPLICA, SLOTS, Reading, ServerLook

_MB = 1024 * 1024


def _link_down(server: ServerLook, reading: Reading) -> Found | None:
    if reading.role != REPLICA:
        return None
    return yes_or_no(
        not reading.link_is_up,
        yes=f"It has not heard its primary for {reading.link_down_seconds} s.",
        no="It hears its primary.",
    )


def _behind(server: ServerLook, reading: Reading) -> Found | None:
    if reading.role != REPLICA:
        return None
    return Found(reading.behind_bytes / _MB, f"It lacks the last {reading.behind_bytes:,} bytes of its primary.")


def _replicas_lost(facts: Facts) -> Iterable[Finding]:
    known = known_replicas(facts.look)

    def judge(server: ServerLook, reading: Reading) -> Found | None:
        if reading.role == REPLICA:
            return None
        had = known.get(server.place, reading.replicas)
        return Found(float(max(0, had - reading.replicas)), f"{reading.replicas} of {had} replicas are connected.")

    return of_servers(judge)(facts)


def _cluster_failed(facts: Facts) -> Iterable[Finding]:
    nodes = [
        server for server in facts.look.servers if (last := server.reading or server.before) and last.is_cluster_node
    ]
    if nodes:
        yield Finding("", _cluster_of([server.reading for server in nodes if server.reading]))


def _cluster_of(readings: Sequence[Reading]) -> Found:
    if not readings:
        return no_data("No node of the Cluster answers.")
    away = sum(not reading.is_cluster_up for reading in readings)
    unserved = SLOTS - min(reading.slots_served for reading in readings)
    words = (
        f"{unserved:,} of {SLOTS:,} slots are served by nobody; {away} of {len(readings)} nodes that answer refuse keys"
    )
    return yes_or_no(bool(away or unserved), yes=f"{words}.", no="All slots of the Cluster are served.")


CONDITIONS = (
    Condition(
        key="cluster_failed",
        title="Cluster failed",
        compares="Whether a node of a Cluster says that it is not up, or that some slots are served by nobody.",
        headline="The Redis Cluster has failed, in part or whole",
        meaning="What belongs to these slots cannot be counted: limits do not hold there, by default nowhere.",
        advice="CLUSTER NODES shows who failed: start it, or CLUSTER FAILOVER TAKEOVER on its replica; "
        "`redis-cli --cluster check` names slots without a node.",
        find=_cluster_failed,
        scope=Scope.SITE,
        is_yes_or_no=True,
    ),
    Condition(
        key="link_down",
        title="Replica cut off",
        compares="Whether a replica does not hear its primary (master_link_status).",
        headline="Replica {target} does not hear its primary",
        meaning="Limits hold; should the primary fail now, what was counted since then is lost.",
        advice="See the network between the two, and the replica's log: masterauth, ACL, a full sync that fails?",
        find=of_servers(_link_down),
        is_yes_or_no=True,
    ),
    Condition(
        key="behind",
        title="Replica behind",
        compares="How much of its primary's stream a replica has not got yet.",
        headline="Replica {target} falls behind",
        meaning="Limits hold; should the primary fail now, what was counted since then is lost.",
        advice="See the network between the two, and how much is written.",
        find=of_servers(_behind),
        unit="MB",
    ),
    Condition(
        key="replicas_lost",
        title="Replicas lost",
        compares="How many replicas fewer a primary has than it had within the last day.",
        headline="Primary {target} has lost a replica",
        meaning="Limits hold; fewer servers are left to take over.",
        advice="Bring the replica back; one that was taken away on purpose is forgotten after a day.",
        find=_replicas_lost,
        unit="lost",
    ),
)
