"""A decision as header fields: RateLimit, RateLimit-Policy and Retry-After.

The form is draft-ietf-httpapi-ratelimit-headers-11: lists of Structured Fields (RFC 9651), one item for each rate
that was looked at. `q` is the quota, `w` the window in seconds, `r` the requests remaining, `t` the seconds until
the window ends. Names may still change in the draft: they are written here and nowhere else.
"""

from collections.abc import Iterator, Sequence

from limits.core.decisions import Decision, RateState


def header_fields(decisions: Sequence[Decision]) -> dict[str, str]:
    """Return the fields for an answer, allowed or refused; none when nothing could be counted."""
    named = [item for decision in decisions for item in _named_states(decision)]
    if not named:
        return {}
    fields = {
        "RateLimit-Policy": ", ".join(
            f'"{name}";q={state.rate.limit};w={state.rate.window_seconds}' for name, state in named
        ),
        "RateLimit": ", ".join(f'"{name}";r={state.remaining};t={state.reset_seconds}' for name, state in named),
    }
    if retry_after_seconds := max(decision.retry_after_seconds for decision in decisions):
        fields["Retry-After"] = str(retry_after_seconds)
    return fields


def _named_states(decision: Decision) -> Iterator[tuple[str, RateState]]:
    slug = decision.policy.slug
    for state in decision.states:
        alone = len(decision.states) == 1
        yield (slug if alone else f"{slug}-{state.rate.window_seconds}"), state
