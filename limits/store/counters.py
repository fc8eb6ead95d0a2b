"""Counting, one round trip a decision."""

import contextlib
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache

import redis
from redis.exceptions import RedisClusterException

from limits.core import keys
from limits.core.decisions import Claim, Decision, RateState
from limits.core.policies import Algorithm, Mode, Policy
from limits.store.connection import in_request, is_cluster, run
from limits.store.scripts import Script, script

Counted = tuple[int, int]
"""A counter's count, and the rest of its life in milliseconds."""

_COUNT, _GIVE_BACK = script("count"), script("give_back")
_LETTER = {Algorithm.FIXED_WINDOW: "f", Algorithm.SLIDING_WINDOW: "s", Algorithm.TOKEN_BUCKET: "b"}
_PIECE = {
    Algorithm.FIXED_WINDOW: "fixed_window",
    Algorithm.SLIDING_WINDOW: "sliding_window",
    Algorithm.TOKEN_BUCKET: "token_bucket",
}


def count(key: str, *, amount: int, window_milliseconds: int, limit: int = 0) -> Counted:
    """Add `amount` to a fixed window's counter, or look at it when that is 0; one round trip.

    With a limit, what would go over it is not added, and answered by a count above the limit.
    """
    told = (amount, window_milliseconds, limit)
    number, rest = in_request(lambda client: run(_COUNT, client, keys=(key,), args=told))
    return number, rest


def charge(claims: Sequence[Claim]) -> list[Decision]:
    """Charge one request to every policy, or to none when one refuses it; one round trip.

    A Cluster keeps each policy's counters in a place of its own: there it is a round trip for each, and what was
    charged before one refuses, or cannot be asked, is given back by others.
    """
    return in_request(lambda client: _charge_each(client, claims) if is_cluster(client) else _charge(client, claims))


def give_back(charges: Sequence[tuple[Claim, int]]) -> None:
    """Take back charges, each with the milliseconds since it was answered; what has ended meanwhile is left alone."""
    in_request(lambda client: _give_back(client, charges))


def _charge(client: redis.Redis, claims: Sequence[Claim]) -> list[Decision]:
    names = [name for claim in claims for name in _names(claim.policy, claim.client)]
    args: list[str | int | bytes] = [""]
    for claim in claims:
        args += _LETTER[claim.policy.algorithm], claim.cost, _numbers(claim.policy)
    flat = iter(run(charging(*sorted({claim.policy.algorithm for claim in claims})), client, keys=names, args=args))
    return [_decision(claim, penalty=next(flat), flat=flat) for claim in claims]


def _charge_each(client: redis.Redis, claims: Sequence[Claim]) -> list[Decision]:
    decisions: list[Decision] = []
    try:
        for claim in claims:
            decisions += _charge(client, [claim])
            if not decisions[-1].allowed:
                _undo(client, decisions)
                break
    except Exception:
        _undo(client, decisions)
        raise
    return decisions


def _undo(client: redis.Redis, decisions: Sequence[Decision]) -> None:
    """Give back what was charged a moment ago. Where that fails, it ends with its window: the rest would only wait."""
    with contextlib.suppress(redis.RedisError, RedisClusterException, OSError):
        _give_back(client, [(decision.claim, 0) for decision in decisions if not decision.over])


def _give_back(client: redis.Redis, charges: Sequence[tuple[Claim, int]]) -> None:
    places = [[charge] for charge in charges] if is_cluster(client) else [charges]
    for place in filter(None, places):
        names: list[str] = []
        args: list[str | int] = [""]
        for charge, age_milliseconds in place:
            letter = _LETTER[charge.policy.algorithm]
            for name, rate in zip(_counters(charge.policy, charge.client), charge.policy.rates, strict=True):
                names.append(name)
                args += [letter, rate.window_seconds * 1000, charge.cost, age_milliseconds]
        run(_GIVE_BACK, client, keys=names, args=args)


def _counters(policy: Policy, client: str) -> list[str]:
    return [
        keys.counter(policy.slug, client=client, window_seconds=rate.window_seconds, algorithm=policy.algorithm)
        for rate in policy.rates
    ]


def _names(policy: Policy, client: str) -> list[str]:
    names = _counters(policy, client)
    return [*names, keys.penalty(policy.slug, client=client)] if policy.penalty_seconds else names


@lru_cache(maxsize=32)
def charging(*algorithms: Algorithm) -> Script:
    """Return the script that charges by these algorithms."""
    exact = {Algorithm.SLIDING_WINDOW, Algorithm.TOKEN_BUCKET} & set(algorithms)
    pieces = ("begin", *(["exact"] if exact else []), *(_PIECE[algorithm] for algorithm in algorithms), "charge")
    return script(*(f"charge/{piece}" for piece in pieces))


@lru_cache(maxsize=16_384)
def _numbers(policy: Policy) -> bytes:
    """Return what the script is told of a policy, whatever the request."""
    numbers = [policy.mode is Mode.ENFORCE, policy.refusals_count, policy.penalty_seconds * 1000]
    for rate in policy.rates:
        numbers += rate.limit, rate.capacity, rate.window_seconds * 1000
    return struct.pack(f"<{len(numbers)}d", *numbers)


def _decision(claim: Claim, *, penalty: int, flat: Iterator[int]) -> Decision:
    states = tuple(map(RateState, claim.policy.rates, flat, flat, flat))
    return Decision(claim.policy, claim.client, states, wait_milliseconds=penalty, cost=claim.cost)
