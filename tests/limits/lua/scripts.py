"""The scripts as they stand in the tree, asked with plain values."""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import redis

from limits.core import policies
from limits.core.ledger import Claim, GiveBack, RateState, Verdict
from limits.core.windows import Algorithm
from limits.store import counters
from limits.store.scripts import Script, script

LETTERS: dict[Algorithm, str] = {"fixed-window": "f", "sliding-window": "s", "token-bucket": "b"}


COUNT, GIVE_BACK = script("count"), script("give_back")


def charging(claims: Sequence[Claim]) -> Script:
    """Return the script that charges these claims."""
    return counters.charging(*sorted({policies.Algorithm(claim.algorithm) for claim in claims}))


def run(client: redis.Redis, asked: Script, *, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    """Return what a script answers."""
    return client.register_script(asked.text)(keys=keys, args=arguments)


def count(client: redis.Redis, key: str, *, amount: int = 1, window: int = 60_000, limit: int = 0) -> tuple[int, int]:
    """Return (count, rest in milliseconds)."""
    number, rest = run(client, COUNT, keys=[key], arguments=[amount, window, limit])
    return number, rest


def charge(client: redis.Redis, *claims: Claim, now: int | str = "") -> tuple[Verdict, ...]:
    """Return the verdict of each claim."""
    keys, arguments = charge_call(claims, now=now)
    return verdicts(claims, run(client, charging(claims), keys=keys, arguments=arguments))


def charge_call(claims: Sequence[Claim], *, now: int | str) -> tuple[list[str], list[Any]]:
    """Return the keys and arguments of charge/begin.lua."""
    keys: list[str] = []
    arguments: list[Any] = [now]
    for claim in claims:
        keys += [bound.key for bound in claim.bounds]
        keys += [claim.penalty_key] if claim.penalty_milliseconds else []
        numbers = [claim.enforces, claim.refusals_count, claim.penalty_milliseconds]
        numbers += [number for bound in claim.bounds for number in (bound.limit, bound.capacity, bound.window)]
        arguments += [LETTERS[claim.algorithm], claim.cost, struct.pack(f"<{len(numbers)}d", *numbers)]
    return keys, arguments


def verdicts(claims: Sequence[Claim], answer: Sequence[int]) -> tuple[Verdict, ...]:
    """Return what a flat answer says."""
    numbers: Iterator[int] = iter(answer)
    return tuple(
        Verdict(next(numbers), tuple(RateState(next(numbers), next(numbers), next(numbers)) for _ in claim.bounds))
        for claim in claims
    )


def give_back(client: redis.Redis, *charges: GiveBack, now: int | str = "") -> list[int]:
    """Return what was taken off of each key."""
    keys, arguments = give_back_call(charges, now=now)
    taken: list[int] = run(client, GIVE_BACK, keys=keys, arguments=arguments)
    return taken


def give_back_call(charges: Sequence[GiveBack], *, now: int | str) -> tuple[list[str], list[Any]]:
    """Return the keys and arguments of give_back.lua."""
    arguments: list[Any] = [now]
    for back in charges:
        arguments += [LETTERS[back.algorithm], back.window, back.cost, back.age_milliseconds]
    return [back.key for back in charges], arguments
