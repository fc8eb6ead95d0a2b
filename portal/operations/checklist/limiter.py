"""Where limits are counted, and that they are."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv6Address
from types import MappingProxyType

from django.conf import settings
from django.test import RequestFactory

import limits
from limits.core import keys
from limits.core.client_keys import ClientKey
from limits.core.decisions import Basis, Decision
from limits.core.policies import Mode
from limits.exceptions import StoreUnavailable
from limits.in_force import policies_in_force
from limits.store import live, server
from limits.store.connection import client as store_client
from limits.store.connection import is_cluster, outside_request
from limits.sync import is_in_step
from portal.operations.acl.servers import Part
from portal.operations.checklist.asking import CannotAsk, Server, in_a_line
from portal.operations.checklist.context import Context
from portal.operations.checklist.values import Line, Verdict, failed, passed, unknown
from portal.redis_address import RedisAddress

_VARIABLE = "RATELIMIT_STORAGE_URL"
_SEE_REACH = "See the line about reaching it."


MADE_UP_BEGINS = "2001:db8:"
"""How every made-up address begins: RFC 3849 keeps those for documentation."""


def made_up_address() -> str:
    """Return an address that nobody has: one of the IPv6 addresses for documentation, each in a network of its own."""
    return str(IPv6Address((0x20010DB8 << 96) | (secrets.randbits(32) << 64) | 1))


def counts_alone(key: ClientKey, *, filled: Mapping[str, str] = MappingProxyType({})) -> bool:
    """Say whether who comes from a made-up address, and fills in what nobody else does, is counted by himself.

    Else he is counted with others: what is tried may refuse them, and what is forgiven lets them start afresh.
    """
    return any(part.kind in ("ip", "user or ip") or bool(filled.get(part.name)) for part in key.parts)


def forgive(decision: Decision) -> None:
    """Delete what was counted for a decision. Raises StoreUnavailable."""
    policy = decision.policy
    windows = [(policy.algorithm, rate.window_seconds) for rate in policy.rates]
    live.forget(policy.slug, client=decision.client, windows=windows)


# Its own storage


def _storage(context: Context) -> list[Verdict]:
    cache, counters = settings.REDIS, settings.RATELIMIT_STORAGE
    if not os.environ.get(_VARIABLE):
        return [_not_set(counters)]
    if cache.whole != counters.whole:
        return [passed("Limits are counted on a server of their own.")]
    if counters.is_cluster:
        return [passed("Limits are counted in the Cluster of the cache, under names of their own.")]
    if cache.database == counters.database:
        words = f"Limits are counted in database {counters.database}, in which the cache is: what empties it ends them."
        return [failed(words, advice=f"Give {_VARIABLE} another number at its end, and restart the site.")]
    return [
        passed(
            f"Limits are counted in a database of their own ({counters.database}), on the server of the cache. "
            "A server of their own would be safer: memory is shared by all databases."
        )
    ]


def _not_set(counters: RedisAddress) -> Verdict:
    found = f"{_VARIABLE} is not set: limits are counted beside the cache, in database {counters.database}."
    if counters.user or counters.password or counters.kind not in ("redis", "rediss", "unix"):
        advice = f"Write {_VARIABLE} into .env: as REDIS_URL, with another server or another number at its end."
        return failed(found, advice=f"{advice} Then restart the site.")
    return failed(
        found,
        mend=(f"printf '%s\\n' '{_VARIABLE}={counters.url}' >> .env",),
        advice="That writes down what holds now; a server of its own is better. Then restart the site.",
    )


# It counts there


def _counts(context: Context) -> list[Verdict]:
    try:
        server.ping()
    except StoreUnavailable as error:
        return [failed(f"The limiter cannot ask Redis: {in_a_line(error)}.", advice=_SEE_REACH)]
    policies_in_force.look()
    enforced = [policy for policy in policies_in_force.snapshot.policies.values() if policy.mode is Mode.ENFORCE]
    if not enforced:
        words = "No policy is in force in this process, so nothing is counted."
        return [failed(words, mend=("python manage.py policies sync",))]
    policy = min(enforced, key=lambda each: not counts_alone(each.key))
    request = RequestFactory(REMOTE_ADDR=made_up_address()).generic((*policy.methods, "GET")[0], "/")
    decision = limits.check(request, policy.slug)
    if decision is None or decision.basis is not Basis.COUNTED:
        words = f"A request under {policy.slug} was decided without Redis."
        return [failed(words, advice=_SEE_REACH)]
    return [_where_counted(context, decision)]


def _where_counted(context: Context, decision: Decision) -> Verdict:
    """Look for the counter by a connection of our own, at the address that the settings name; and forgive."""
    try:
        is_there = _is_there(context, decision)
    except (StoreUnavailable, CannotAsk) as error:
        return unknown(f"A request was counted; its counter could not be looked at: {in_a_line(error)}.")
    finally:
        with suppress(StoreUnavailable):
            if counts_alone(decision.policy.key):
                forgive(decision)
    where = f"in database {settings.RATELIMIT_STORAGE.database}, where the settings have limits counted"
    if is_there:
        return passed(f"A request under {decision.policy.slug} was counted {where}; it was forgiven.")
    return failed(f"A request was counted, but not {where}.", advice="Restart the site: it uses another address.")


def _is_there(context: Context, decision: Decision) -> bool:
    policy = decision.policy
    names = [
        keys.counter(
            policy.slug, client=decision.client, window_seconds=rate.window_seconds, algorithm=policy.algorithm
        )
        for rate in policy.rates
    ]
    if is_cluster(store_client()):
        return bool(outside_request(lambda connection: any(connection.exists(name) for name in names)))
    counters = _counters_server(context)
    try:
        return any(int(counters.ask("PTTL", name)) > 0 for name in names)
    finally:
        counters.close()


def _counters_server(context: Context) -> Server:
    found = next(found for found in context.found if Part.COUNTERS in found.site.parts)
    primary = next((each for each in found.servers if each.role != "replica"), None)
    if primary is None:
        raise CannotAsk(found.failure)
    storage = settings.RATELIMIT_STORAGE
    address = replace(primary.address, user=storage.user, password=storage.password)
    return Server(address, parts=primary.parts, database=storage.database)


def _in_step(context: Context) -> Iterator[Verdict]:
    try:
        in_step = is_in_step()
    except StoreUnavailable as error:
        yield unknown(f"Redis cannot be asked: {in_a_line(error)}.")
        return
    if in_step:
        yield passed("Redis holds the latest policies and overrides of the database.")
        return
    words = "Redis holds other policies or overrides than the database: workers enforce what Redis holds."
    yield failed(words, mend=("python manage.py policies sync",))


LINES = (
    Line(
        "storage-url",
        "Limiter",
        f"{_VARIABLE} is set, and is its own",
        "Counters that share a database with the cache are gone when somebody empties the cache.",
        _storage,
    ),
    Line(
        "limiter-counts",
        "Limiter",
        "The limiter counts there",
        "Settings that look right and a limiter that counts elsewhere, or nowhere, are not told apart by looking.",
        _counts,
    ),
    Line(
        "policies-in-step",
        "Limiter",
        "Policies are in step",
        "What the admin shows is what holds only as long as Redis has the same.",
        _in_step,
    ),
)
