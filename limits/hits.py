"""The door for code that has no request: a job in the background, a consumer of messages, a command."""

from dataclasses import replace

from limits import identity
from limits.conf import conf
from limits.core.decisions import Claim, Decision
from limits.core.overrides import Effect
from limits.core.policies import Mode, Policy
from limits.enforcement import cost_of, count_claims, decide_by_override, in_thread, remembered
from limits.in_force import policies_in_force
from limits.overrides_in_force import overrides_in_force
from limits.refusals import refusals
from limits.tallies import tallies


def hit(slug: str, client: str, *, cost: int | None = None) -> Decision | None:
    """Count one hit of a client under a policy, and judge it; one round trip at most.

    `client` is what a person would write: an address, a user's id, what was typed into the header or field that the
    policy counts; of two joined both, as in `203.0.113.9 and alice@example.org`. `cost` is what the hit is charged, 0
    looks only; without it the policy says. Returns the decision, which has `allowed` and `retry_after_seconds`; None
    when there is no such policy, or it is off. The policy's methods are not looked at, and an allowed hit stays counted
    whatever comes of it.
    """
    policy = policies_in_force.policy(slug)
    if not conf.enabled or policy is None or policy.mode is Mode.OFF:
        return None
    begun_at = refusals.now()
    decision = _decide(policy, client=client, cost=cost)
    tallies.note(decision, seconds=refusals.now() - begun_at)
    return decision


async def ahit(slug: str, client: str, *, cost: int | None = None) -> Decision | None:
    """Do as `hit`, for async code: the event loop waits for nobody."""
    return await in_thread(lambda: hit(slug, client, cost=cost))


def _decide(policy: Policy, *, client: str, cost: int | None) -> Decision:
    counted_as = identity.client_named(client, key=policy.key, ipv6_prefix=policy.ipv6_prefix)
    if not overrides_in_force.are_none:
        override = overrides_in_force.winner_for_client(counted_as, policy=policy)
        if override is not None and override.effect is not Effect.RATES:
            return decide_by_override(policy, override=override, client=counted_as)
        if override is not None:
            policy = replace(policy, rates=override.rates)
    claim = Claim(policy, counted_as, cost_of(policy, cost))
    asked_at = refusals.now()
    known = refusals.known(policy, client=counted_as, cost=claim.cost)
    return known or remembered(count_claims([claim]), asked_at=asked_at)[0]
