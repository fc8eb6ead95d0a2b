"""A decision as header fields: RateLimit, RateLimit-Policy and Retry-After.

The form is draft-ietf-httpapi-ratelimit-headers-11: lists of Structured Fields (RFC 9651), one item for each rate
that was looked at. `q` is the quota, `w` the window in seconds, `r` the requests remaining, `t` the seconds until
the window ends, or until a refusing rate lets in again. Names may still change in the draft: they are written here
and nowhere else. A policy that is only tried (shadow) tells clients nothing.
"""

from collections.abc import Iterator, Sequence

from limits.core.decisions import Decision, RateState
from limits.core.policies import Mode


def header_fields(decisions: Sequence[Decision]) -> dict[str, str]:
    """Return the fields for an answer, allowed or refused; none when nothing could be counted."""
    fields: dict[str, str] = {}
    if named := [item for decision in decisions for item in _items(decision)]:
        fields["RateLimit-Policy"] = ", ".join(quota for quota, _ in named)
        fields["RateLimit"] = ", ".join(rest for _, rest in named)
    if retry_after_seconds := max((decision.retry_after_seconds for decision in decisions), default=0):
        fields["Retry-After"] = str(retry_after_seconds)
    return fields


def _items(decision: Decision) -> Iterator[tuple[str, str]]:
    if decision.policy.mode is not Mode.ENFORCE:
        return
    for name, state in _named_states(decision):
        remaining = 0 if state.refused or decision.wait_milliseconds else state.remaining
        wait = max(state.retry_milliseconds, decision.wait_milliseconds)
        told = decision.seconds_left(wait or state.reset_milliseconds)
        # A bucket that holds more than its limit is told by what it holds: more may not remain than the quota.
        quota, window_seconds = state.rate.capacity, state.rate.window_seconds
        yield f'"{name}";q={quota};w={window_seconds}', f'"{name}";r={remaining};t={told}'


def _named_states(decision: Decision) -> Iterator[tuple[str, RateState]]:
    slug = decision.policy.slug
    alone = len(decision.states) == 1
    for state in decision.states:
        yield (slug if alone else f"{slug}-{state.rate.window_seconds}"), state
