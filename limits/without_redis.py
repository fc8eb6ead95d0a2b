"""Counting in this process while Redis is away: each of the site's processes has its share of every limit."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

from limits.conf import conf
from limits.core import keys, ledger
from limits.core.decisions import Basis, Claim, Decision, RateState
from limits.core.policies import Mode, Policy
from limits.core.rates import Rate
from limits.core.windows import Bound

ENTRIES_MAX = 20_000
"""Clients are counted up to here; more cannot be told apart while Redis is away, and the oldest start afresh."""


class CountsHere:
    """The ledger of one process. It stays when Redis is back, and ends with its windows: one that comes and goes gives
    no client a limit anew each time.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ledger: ledger.Ledger = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._ledger)

    def charge(self, claims: Sequence[Claim], *, processes: int) -> list[Decision]:
        """Charge all of the claims or none, against this process's share of their limits.

        The decisions tell that share, and what is left of it.
        """
        shared = [_shared(claim, processes=processes) for claim in claims]
        with self._lock:
            now_milliseconds = self._now()
            self._make_room(now_milliseconds)
            answer = ledger.charge(self._ledger, claims=list(map(_plain, shared)), now_milliseconds=now_milliseconds)
        return [
            Decision(
                claim.policy,
                claim.client,
                tuple(RateState(rate, *state) for rate, state in zip(claim.policy.rates, verdict.states, strict=True)),
                basis=Basis.HERE,
                wait_milliseconds=verdict.penalty_milliseconds,
                cost=claim.cost,
            )
            for claim, verdict in zip(shared, answer.verdicts, strict=True)
        ]

    def give_back(self, charges: Sequence[tuple[Claim, int]]) -> None:
        """Take back what `charge` told that it charged: its decisions' claims, and how many milliseconds ago it did."""
        back = [
            ledger.GiveBack(claim.policy.algorithm.value, bound.key, bound.window, claim.cost, age_milliseconds)
            for claim, age_milliseconds in charges
            for bound in _plain(claim).bounds
        ]
        with self._lock:
            ledger.give_back(self._ledger, charges=back, now_milliseconds=self._now())

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _make_room(self, now_milliseconds: int) -> None:
        if len(self._ledger) < ENTRIES_MAX:
            return
        ledger.forget_ended(self._ledger, now_milliseconds=now_milliseconds)
        for key in list(self._ledger)[: max(0, len(self._ledger) - ENTRIES_MAX * 9 // 10)]:
            del self._ledger[key]


def count_here(claims: Sequence[Claim]) -> list[Decision]:
    """Return the decisions of this process alone."""
    return counts_here.charge(claims, processes=conf.processes)


def _shared(claim: Claim, *, processes: int) -> Claim:
    """Return the claim on this process's share, 1 at least: a cost that fits no share is all of it."""
    policy = _share_of(claim.policy, processes)
    return Claim(policy, claim.client, min(claim.cost, *(rate.capacity for rate in policy.rates)))


@lru_cache(maxsize=16_384)
def _share_of(policy: Policy, processes: int) -> Policy:
    rates = tuple(
        Rate(
            max(1, rate.limit // processes),
            rate.window_seconds,
            burst=max(1, rate.burst // processes) if rate.burst else 0,
        )
        for rate in policy.rates
    )
    return replace(policy, rates=rates)


def _plain(claim: Claim) -> ledger.Claim:
    policy = claim.policy
    bounds = tuple(
        Bound(
            keys.counter(
                policy.slug, client=claim.client, window_seconds=rate.window_seconds, algorithm=policy.algorithm
            ),
            rate.limit,
            rate.capacity,
            rate.window_seconds * 1000,
        )
        for rate in policy.rates
    )
    return ledger.Claim(
        policy.algorithm.value,
        bounds,
        cost=claim.cost,
        enforces=policy.mode is Mode.ENFORCE,
        refusals_count=policy.refusals_count,
        penalty_milliseconds=policy.penalty_seconds * 1000,
        penalty_key=keys.penalty(policy.slug, client=claim.client),
    )


counts_here = CountsHere()
