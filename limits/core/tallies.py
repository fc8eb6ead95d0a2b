"""What a decision counts as, and what is kept of a refusal."""

from dataclasses import dataclass
from urllib.parse import quote

from limits.core.decisions import NEAR, Basis, Decision
from limits.core.policies import Mode

OUTCOMES = ("allowed", "near_limit", "shadow_refused", "refused")
"""Every decision is one of these. Near the limit: let through, with less than a fifth left. Refused in shadow: let
through, but only because the policy does not enforce."""
ALLOWED, NEAR_LIMIT, SHADOW_REFUSED, REFUSED = range(len(OUTCOMES))

CLIENT_CHARACTERS_MAX = 200
PLACE_CHARACTERS_MAX = 200
_PLAIN = "/:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class Refused:
    """One refusal: who, where (method and route, or path), by which policy. `at` is in seconds since 1970."""

    at: float
    policy: str
    client: str
    place: str


def outcome_of(decision: Decision) -> int:
    """Return the place of a decision's outcome in `OUTCOMES`."""
    # `decision.over`, and whether it is near its limit, in one pass: every request comes by.
    outcome = ALLOWED
    over = decision.wait_milliseconds > 0 or (decision.basis is Basis.UNCOUNTED and decision.over)
    for state in decision.states:
        if state.retry_milliseconds > 0:
            over = True
        elif state.remaining < NEAR * state.rate.capacity:
            outcome = NEAR_LIMIT
    if over:
        return REFUSED if decision.policy.mode is Mode.ENFORCE else SHADOW_REFUSED
    return outcome


def refused(*, at: float, policy: str, client: str, method: str, path: str, route: str | None = None) -> Refused:
    """Return what is kept of a refusal: capped, and in letters that can be shown, whatever was typed.

    Where a route is known, such as `book/<int:pk>/`, it stands for the path, which may hold a secret.
    """
    where = quote(path[:PLACE_CHARACTERS_MAX], safe=_PLAIN) if route is None else f"/{route}"
    place = f"{method[:10]} {where}".strip()
    return Refused(at, policy, client[:CLIENT_CHARACTERS_MAX], place[:PLACE_CHARACTERS_MAX])
