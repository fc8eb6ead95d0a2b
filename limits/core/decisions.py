"""What became of one request under one policy."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from limits.core.policies import Mode, Policy, WithoutRedis
from limits.core.rates import Rate

RETRY_SECONDS_WITHOUT_REDIS = 2
NEAR = 0.2
"""A client is near its limit when less than this share of it is left."""


class Basis(StrEnum):
    """What a decision rests on."""

    COUNTED = "counted"
    HERE = "counted in this process"
    UNCOUNTED = "uncounted"
    EXEMPT = "exempt"
    DENIED = "denied"
    DENIED_FOR_GOOD = "denied without an end"


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be charged: a request of `client`, at its cost, to a policy."""

    policy: Policy
    client: str
    cost: int = 1


@dataclass(frozen=True, slots=True)
class RateState:
    """One rate as this request left it. `retry_milliseconds` above 0: this rate refuses until then."""

    rate: Rate
    remaining: int
    reset_milliseconds: int
    retry_milliseconds: int = 0

    @property
    def refused(self) -> bool:
        return self.retry_milliseconds > 0


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed or refused by `policy` for `client`.

    `basis` UNCOUNTED: Redis could not be asked, and the policy says what then holds. `age_milliseconds` is how long
    ago the states were read: more than 0 for a refusal that is remembered.
    """

    policy: Policy
    client: str
    states: tuple[RateState, ...] = ()
    basis: Basis = Basis.COUNTED
    wait_milliseconds: int = 0
    """The rest of a penalty, or of a denial."""
    age_milliseconds: int = 0
    cost: int = 1

    @property
    def claim(self) -> Claim:
        return Claim(self.policy, self.client, self.cost)

    @property
    def over(self) -> bool:
        """Whether the policy refuses, or would if it were enforced."""
        if self.basis is Basis.UNCOUNTED:
            return self.policy.without_redis is WithoutRedis.REFUSE
        # A loop: `any` with a generator costs a decision more than all the rest of this.
        for state in self.states:
            if state.retry_milliseconds > 0:
                return True
        return self.wait_milliseconds > 0

    @property
    def allowed(self) -> bool:
        return self.policy.mode is not Mode.ENFORCE or not self.over

    @property
    def retry_after_seconds(self) -> int:
        """The longest wait of what refuses, in whole seconds, at least 1; 0 when allowed."""
        if self.allowed:
            return 0
        if self.basis is Basis.UNCOUNTED:
            return RETRY_SECONDS_WITHOUT_REDIS
        waits = (self.wait_milliseconds, *(state.retry_milliseconds for state in self.states))
        return self.seconds_left(max(waits))

    def seconds_left(self, milliseconds: int) -> int:
        """Return what is left now of a time that was told when the states were read: whole seconds, at least 1."""
        return max(1, math.ceil((milliseconds - self.age_milliseconds) / 1000))


def decide_fixed_window(policy: Policy, *, client: str, count: int, rest_milliseconds: int) -> Decision:
    """Judge the one counter of a plain policy, this request included. A count above the limit refuses.

    Counts are those of the counters, whatever the limit was when they began: so an edited limit holds at once and
    keeps the counts.
    """
    (rate,) = policy.rates
    # A counter may vanish between two commands; such numbers never reach a header.
    rest = min(max(1, rest_milliseconds), rate.window_seconds * 1000)
    retry = rest if count > rate.limit else 0
    return Decision(policy, client, (RateState(rate, max(0, rate.limit - count), rest, retry),))


def refusing(decisions: Iterable[Decision]) -> Decision | None:
    """Return the decision that tells the client: of those that refuse, the one of the highest priority, else wait."""
    refused = [decision for decision in decisions if not decision.allowed]
    if len(refused) < 2:
        return refused[0] if refused else None
    return max(refused, key=lambda decision: (decision.policy.priority, decision.retry_after_seconds))


def in_order(policies: Sequence[Policy]) -> list[Policy]:
    """Return policies as they are checked and named: by priority, then by name."""
    return sorted(policies, key=lambda policy: (-policy.priority, policy.slug))
