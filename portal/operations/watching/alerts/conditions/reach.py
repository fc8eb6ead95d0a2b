"""Reach: whether a server answers, how fast, and whether it is still the one that it was."""

from collections.abc import Iterable

from django.conf import settings

from portal.operations.watching.alerts.conditions.condition import (
    Condition,
    Facts,
    Finding,
    Found,
    Scope,
    no_data,
    of_servers,
    silence_words,
    well,
    yes_or_no,
)
from portal.operations.watching.readings import Reading, ServerLook
from portal.redis_address import embedded_address

DOWN = "down"
"""The condition that silences others of the same server."""


def _down(facts: Facts) -> Iterable[Finding]:
    for server in facts.look.servers:
        if server.is_set:
            continue
        is_down = server.reading is None
        yield Finding(server.place, yes_or_no(is_down, yes=silence_words(server), no="It answers."))


def _set_failed(facts: Facts) -> Iterable[Finding]:
    failed = [f"{server.place} {server.failure.rstrip('.')}." for server in facts.look.servers if server.is_set]
    yield Finding("", yes_or_no(bool(failed), yes=" ".join(failed), no="Nothing failed of a set as a whole."))


def _loading(server: ServerLook, reading: Reading) -> Found:
    return yes_or_no(reading.is_loading, yes="It is loading its data.", no="It is not loading.")


def _restarted(server: ServerLook, reading: Reading) -> Found:
    if (change := server.change) is None:
        return no_data("There is no earlier reading to compare with.")
    if server.place == embedded_address(settings.VAR).place:
        return well("It is the site's own, which begins and ends with it.")
    return yes_or_no(
        change.has_restarted,
        yes=f"It is another process than before, up for {reading.uptime_seconds} s.",
        no="It has not restarted since the look before.",
    )


def _changed_role(server: ServerLook, reading: Reading) -> Found:
    if server.before is None:
        return no_data("There is no earlier reading to compare with.")
    return yes_or_no(
        server.before.role != reading.role,
        yes=f"It was {server.before.role}, and is {reading.role} now.",
        no=f"It is {reading.role}, as at the look before.",
    )


def _latency(server: ServerLook, reading: Reading) -> Found:
    milliseconds = reading.latency_seconds * 1000
    return Found(milliseconds, f"A PING took {milliseconds:.1f} ms there and back.")


CONDITIONS = (
    Condition(
        key=DOWN,
        title="Down",
        compares="Whether a server does not answer. While it does not, nobody is told of what else ails it.",
        headline="Redis {target} does not answer",
        meaning="If limits are counted there, requests are let through uncounted or refused, as each policy says.",
        advice="See that the process runs and that this host can reach it; then its log.",
        find=_down,
        is_yes_or_no=True,
        is_inhibited=False,
    ),
    Condition(
        key="set_failed",
        title="Sentinels or Cluster not reached",
        compares="Whether half of a set's Sentinels or more do not answer, or no listed node of a Cluster.",
        headline="Sentinels or Cluster cannot be asked",
        meaning="Servers that run are used on; if a primary fails now, nobody takes over, or the site does not see it.",
        advice="See that the Sentinels (or nodes) in the settings run, and that this host reaches them.",
        find=_set_failed,
        scope=Scope.SITE,
        is_yes_or_no=True,
        is_inhibited=False,
    ),
    Condition(
        key="loading",
        title="Loading its data",
        compares="Whether a server still loads its data after it started; it refuses commands meanwhile.",
        headline="Redis {target} is loading its data",
        meaning="Limits do not hold until it is done.",
        advice="Wait; the Redis page shows how far it is. For the next time: a replica takes over at once.",
        find=of_servers(_loading, while_loading=True),
        is_yes_or_no=True,
    ),
    Condition(
        key="restarted",
        title="Restarted",
        compares="Whether a server is another process than at the look before; not of the one that `make run` starts.",
        headline="Redis {target} has restarted",
        meaning="What it had not saved is gone, counters among it.",
        advice="If nobody restarted it: see its log, and the system's (out of memory?).",
        find=of_servers(_restarted, while_loading=True),
        is_yes_or_no=True,
    ),
    Condition(
        key="role_changed",
        title="Role changed",
        compares="Whether a server became primary or replica since the look before.",
        headline="Redis {target} has changed its role",
        meaning="Another server took over; what had not reached it yet is gone, counters among it.",
        advice="See why the former primary failed, and that it is back as a replica.",
        find=of_servers(_changed_role, while_loading=True),
        is_yes_or_no=True,
    ),
    Condition(
        key="latency",
        title="Latency",
        compares="How long a PING takes from here, there and back.",
        headline="Redis {target} answers slowly",
        meaning="Each request that is counted waits so long; what takes too long is not counted.",
        advice="See its slow log, and what else runs on the host: a snapshot, swapping, a busy neighbour?",
        find=of_servers(_latency),
        unit="ms",
    ),
)
