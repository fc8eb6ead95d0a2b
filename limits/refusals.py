"""Who is known to be refused until a moment still ahead: refused from memory, without asking Redis.

What is kept may only ever repeat what Redis said: a refusal is forgotten when its moment has come, and all of them
when a policy, an override or a counter was changed by people (see `limits.in_force`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from limits.core.decisions import Basis, Decision
from limits.core.policies import Algorithm, Counts, Mode, Policy

REFUSALS_MAX = 20_000
GIVEN_BACK_SECONDS = 1.0
"""How long a refusal is believed where charges may be given back meanwhile."""


@dataclass(slots=True)
class _Refusal:
    decision: Decision
    told_at: float
    until: float
    latest: Decision
    """What was last told of it: the same again within a millisecond, for in a flood making it is a tenth of it all."""


class Refusals:
    """At most `REFUSALS_MAX` refusals of this process; a full memory forgets the oldest."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[tuple[str, str], _Refusal] = {}
        self._forgot_at = float("-inf")

    def __len__(self) -> int:
        return len(self._known)

    def now(self) -> float:
        """Return the moment by which refusals are remembered, in seconds."""
        return self._clock()

    def remember(self, decision: Decision, *, asked_at: float) -> None:
        """Keep a refusal that Redis told, when nothing but time can undo it. `asked_at`: before Redis was asked."""
        policy = decision.policy
        if policy.mode is not Mode.ENFORCE or decision.basis is not Basis.COUNTED or not _is_settled(policy):
            return
        known = self._known
        if asked_at < self._forgot_at:
            # What it was told may be of before the change. Should that come now, `known` is what is forgotten.
            return
        waits = (decision.wait_milliseconds, *(state.retry_milliseconds for state in decision.states))
        seconds = max(waits) / 1000
        if policy.counts is not Counts.EVERY:
            seconds = min(seconds, GIVEN_BACK_SECONDS)
        if len(known) >= REFUSALS_MAX:
            _make_room(known)
        known[policy.slug, decision.client] = _Refusal(decision, asked_at, asked_at + seconds, decision)

    def known(self, policy: Policy, *, client: str, cost: int) -> Decision | None:
        """Return the refusal that would come of asking Redis; None when that is not known."""
        found = self._known.get((policy.slug, client))
        if found is None:
            return None
        now = self._clock()
        if now >= found.until:
            self._known.pop((policy.slug, client), None)
            return None
        known = found.decision
        # An override may give one client behind an address other rates than the next.
        if cost < known.cost or (known.policy is not policy and known.policy != policy):
            return None
        age_milliseconds = int((now - found.told_at) * 1000)
        latest = found.latest
        if latest.age_milliseconds != age_milliseconds or latest.cost != cost or latest.policy is not policy:
            latest = found.latest = Decision(
                policy,
                client,
                known.states,
                wait_milliseconds=known.wait_milliseconds,
                age_milliseconds=age_milliseconds,
                cost=cost,
            )
        return latest

    def forget_all(self) -> None:
        """Forget every refusal: the next request of each client asks Redis."""
        self._forgot_at = self._clock()
        self._known = {}


def _make_room(known: dict[tuple[str, str], _Refusal]) -> None:
    # Threads may come between: who finds nothing left to drop has room.
    for name in list(known)[: REFUSALS_MAX // 10]:
        known.pop(name, None)


def _is_settled(policy: Policy) -> bool:
    """Say whether further refused requests change nothing in Redis that could matter."""
    if not policy.refusals_count:
        return True
    return policy.algorithm is Algorithm.FIXED_WINDOW and len(policy.rates) == 1 and not policy.penalty_seconds


refusals = Refusals()
