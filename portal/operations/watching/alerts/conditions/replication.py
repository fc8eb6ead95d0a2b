"""Replication: whether replicas hear their primary, how far they are behind, and whether one is missing."""

from collections.abc import Iterable

from portal.operations.watching.alerts.conditions.condition import (
    Condition,
    Facts,
    Finding,
    Found,
    of_servers,
    yes_or_no,
)
from portal.operations.watching.alerts.conditions.known_replicas import known_replicas
from portal.operations.watching.readings import REPLICA, Reading, ServerLook

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


CONDITIONS = (
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
