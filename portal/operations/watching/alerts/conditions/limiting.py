"""Limiting itself: whether counters are kept, and whether anything can be counted."""

from collections.abc import Callable, Iterable

from prometheus_client.parser import text_string_to_metric_families

from limits import metrics, sync
from limits.core import keys
from limits.exceptions import StoreUnavailable
from limits.store import counters
from portal.operations.watching.alerts.conditions.condition import (
    Condition,
    Facts,
    Finding,
    Found,
    Scope,
    a_minute,
    no_data,
    of_servers,
    yes_or_no,
)
from portal.operations.watching.at_once import at_once
from portal.operations.watching.readings import Change, Reading, ServerLook

# No policy has an empty name, so this is nobody's counter.
_PROBE = keys.counter("", client="watch", window_seconds=10)
_PROBE_MILLISECONDS = 10_000
_PROBE_SECONDS = 3.0
_GAUGE = "limits_degraded"


def _counted(number: Callable[[Change], int], *, what: str) -> Callable[[ServerLook, Reading], Found]:
    def judge(server: ServerLook, reading: Reading) -> Found:
        change = server.change
        return a_minute(number(change) if change else 0, seconds=change.seconds if change else 0, what=what)

    return judge


_count_evicted = _counted(lambda change: change.evicted, what="keys were evicted")


def _evictions(server: ServerLook, reading: Reading) -> Found | None:
    return _count_evicted(server, reading) if server.holds_counters else None


def _degraded(facts: Facts) -> Iterable[Finding]:
    yield Finding("", _tried())


def _tried() -> Found:
    """Count once, for real: nothing else tells whether counting works."""
    # Apart: a name that is not found may take a minute, and all other rules would wait for it.
    (outcome,) = at_once(_count, [_PROBE], seconds=_PROBE_SECONDS)
    if outcome is None:
        return Found(1.0, f"Counting was tried and did not end within {_PROBE_SECONDS:g} s.")
    if isinstance(outcome, StoreUnavailable):
        return Found(1.0, f"Counting was tried and failed: {outcome}.")
    if isinstance(outcome, Exception):
        raise outcome
    return yes_or_no(
        _a_process_is_degraded(),
        yes="Counting works from here, and a process of this machine says that it cannot count.",
        no="Counting was tried and works.",
    )


def _count(key: str) -> counters.Counted | Exception:
    try:
        return counters.count(key, amount=1, window_milliseconds=_PROBE_MILLISECONDS)
    except Exception as error:
        return error


def _a_process_is_degraded() -> bool:
    # What each process of this machine last told; where they share nothing, this process alone.
    text, _ = metrics.exposition(accept="text/plain")
    families = text_string_to_metric_families(text.decode())
    return any(sample.value > 0 for family in families if family.name == _GAUGE for sample in family.samples)


def _out_of_step(facts: Facts) -> Iterable[Finding]:
    yield Finding("", _compared())


def _compared() -> Found:
    try:
        is_in_step = sync.is_in_step()
    except StoreUnavailable as error:
        return no_data(f"Redis cannot be asked: {error}.")
    return yes_or_no(
        not is_in_step,
        yes="Redis does not hold the latest write of policies and overrides.",
        no="Redis holds the latest write of policies and overrides.",
    )


CONDITIONS = (
    Condition(
        key="evictions",
        title="Evictions where limits are counted",
        compares="Keys evicted a minute (evicted_keys) at servers that hold counters.",
        headline="Redis {target} drops keys while limits are counted there",
        meaning="Counters may be among them: clients that were refused start again at zero.",
        advice="Set maxmemory-policy noeviction and enough maxmemory, or give limits a Redis of their own.",
        find=of_servers(_evictions),
        unit="a minute",
    ),
    Condition(
        key="refused_writes",
        title="Refused writes",
        compares="Errors OOM and MISCONF a minute (INFO errorstats): writes that Redis refused.",
        headline="Redis {target} refuses writes",
        meaning="Cache and queues fail. OOM: limits are counted all the same. MISCONF: they are not, and do not hold.",
        advice="OOM: free memory or raise maxmemory. MISCONF: see why it cannot save (disk full?) in its log.",
        find=of_servers(_counted(lambda change: change.errors_oom + change.errors_misconf, what="writes were refused")),
        unit="a minute",
    ),
    Condition(
        key="missing_rights",
        title="Commands refused for missing rights",
        compares="Errors NOPERM a minute (INFO errorstats): commands that a user's ACL does not allow.",
        headline="Redis {target} refuses commands for missing rights",
        meaning="If it is this site's user, limits do not hold.",
        advice="See ACL LOG for who and what; `redis_acl` prints the rights that this site needs.",
        find=of_servers(_counted(lambda change: change.errors_noperm, what="commands were refused")),
        unit="a minute",
    ),
    Condition(
        key="limiter_degraded",
        title="Limiter degraded",
        compares="Whether counting failed: it is tried each time, and the processes of this machine are asked.",
        headline="Rate limits may not hold",
        meaning="Requests are let through uncounted, or refused, as each policy says for this case.",
        advice="See the Redis page: does the server of the limits answer, and does it take writes?",
        find=_degraded,
        scope=Scope.SITE,
        is_yes_or_no=True,
    ),
    Condition(
        key="policies_out_of_step",
        title="Policies out of step",
        compares="Whether Redis lacks the latest write of policies or overrides. A moment's difference is normal.",
        headline="Redis does not have the latest policies",
        meaning="Limits hold as they were before the last change.",
        advice="Run `manage.py policies sync`, and see that worker and beat run: they mend this every minute.",
        find=_out_of_step,
        scope=Scope.SITE,
        is_yes_or_no=True,
    ),
)
