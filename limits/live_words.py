"""Live counters as people read them, in the admin and on the command line."""

from collections.abc import Iterator

from limits.answers import wait_in_words
from limits.core.client_keys import ClientKey
from limits.core.overrides import Effect, Override
from limits.core.policies import Algorithm, Policy
from limits.services.live import Standing
from limits.store.live import Sample, Usage

_ENDS = {
    Algorithm.FIXED_WINDOW: "ends in",
    Algorithm.SLIDING_WINDOW: "fades in",
    Algorithm.TOKEN_BUCKET: "is full again in",
}
_EFFECTS = {
    Effect.EXEMPT: "exempt by an override",
    Effect.DENIED: "denied by an override",
    Effect.RATES: "other rates by an override",
}


def used(usage: Usage) -> str:
    """Return how much of a rate is used: `3 of 5 per minute`."""
    return f"{usage.used} of {usage.rate}"


def ends(usage: Usage, *, policy: Policy) -> str:
    """Return when nothing of it is left: `ends in 40 seconds`."""
    return f"{_ENDS[policy.algorithm]} {wait(usage.rest_milliseconds)}"


def notes(standing: Standing) -> Iterator[str]:
    """Yield what else is to be known of a client, such as that a penalty runs."""
    if standing.client.penalty_milliseconds:
        yield penalty(standing.client.penalty_milliseconds)
    if standing.override:
        yield judged_by(standing.override)


def penalty(milliseconds: int) -> str:
    """Return that a penalty runs so long yet."""
    return f"refused until a penalty ends, in {wait(milliseconds)}"


def judged_by(override: Override) -> str:
    """Return what the override says that holds: `denied by an override`."""
    return _EFFECTS[override.effect]


def room(usage: Usage) -> str:
    """Return that nothing more fits, and when something does, where that is before its end; '' when it fits now."""
    if not usage.wait_milliseconds:
        return ""
    is_sooner = usage.wait_milliseconds < usage.rest_milliseconds
    return f"used up, room in {wait(usage.wait_milliseconds)}" if is_sooner else "used up"


def part(sample: Sample) -> str:
    """Return how much of all this is; '' when it is all."""
    told = []
    if sample.is_part:
        told.append(f"This is a part: {sample.percent} % of the {sample.keys:,} keys in Redis were looked at.")
    if sample.has_more:
        shown = f"the {len(sample.clients):,} clients who have used most"
        told.append(f"Of {sample.counters:,} counters found, {shown} are shown.")
    return " ".join(told)


def wait(milliseconds: int) -> str:
    """Return a time in words, rounded up."""
    return wait_in_words(-(-milliseconds // 1000))


def whom_to_name(key: ClientKey, *, by_name: bool = True) -> str:
    """Return what can be typed to find one client; of users the id alone, unless `by_name`."""
    each = " and ".join(_part_to_name(part, by_name=by_name) for part in key.parts)
    joined = ", with “and” between" if key.other else ""
    told = f"{each}{joined}; or the client as it is shown below."
    return told[0].upper() + told[1:]


def _part_to_name(part: ClientKey, *, by_name: bool) -> str:
    match part.kind:
        case "ip":
            return "an address"
        case "user" | "user or ip":
            return "a user's name, mail address or id" if by_name else "a user's id"
        case "everyone":
            return "anything: all are counted together"
    return f"what was sent as {part.name}"
