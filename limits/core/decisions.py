"""What became of one request under one policy."""

import math
from dataclasses import dataclass

from limits.core.policies import Policy
from limits.core.rates import Rate


@dataclass(frozen=True, slots=True)
class RateState:
    """One rate as this request left it: requests counted in the window, and the window's rest."""

    rate: Rate
    count: int
    rest_milliseconds: int
    refused: bool

    @property
    def remaining(self) -> int:
        """Requests that the window still has; 0 when it refuses."""
        return 0 if self.refused else max(0, self.rate.limit - self.count)

    @property
    def reset_seconds(self) -> int:
        """Whole seconds until the window ends, rounded up: at least 1, at most the window."""
        seconds = math.ceil(self.rest_milliseconds / 1000)
        return min(max(1, seconds), self.rate.window_seconds)


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed or refused by `policy` for `client`. No states: nothing could be counted, so it is let through."""

    policy: Policy
    client: str
    states: tuple[RateState, ...]

    @property
    def allowed(self) -> bool:
        return not any(state.refused for state in self.states)

    @property
    def retry_after_seconds(self) -> int:
        """The longest wait of the rates that refuse, in whole seconds; 0 when allowed."""
        return max((state.reset_seconds for state in self.states if state.refused), default=0)


def decide(policy: Policy, *, client: str, counted: list[tuple[int, int]]) -> Decision:
    """Judge (count, rest in milliseconds) for each of the policy's rates, this request included.

    A count above its limit refuses. Counts are those of the counters, whatever the limit was when they began:
    so an edited limit holds at once and keeps the counts.
    """
    states = tuple(
        RateState(rate, count, rest_milliseconds, refused=count > rate.limit)
        for rate, (count, rest_milliseconds) in zip(policy.rates, counted, strict=True)
    )
    return Decision(policy, client, states)
