"""Requests charged under several policies at once: all of them, or none when one refuses.

The same in plain Python as `limits/lua/charge.lua` and `give_back.lua` in Redis. It counts in the process when Redis is
away, and judges traffic of the past. The ledger is any mapping; no key may be in two claims of one request.
"""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from limits.core.windows import EMPTY, Algorithm, Bound, Window


@dataclass(frozen=True, slots=True)
class Penalty:
    """A client is refused, whatever it counts, until `ends_at`."""

    ends_at: int


Ledger: TypeAlias = MutableMapping[str, Window | Penalty]
"""All that is counted, by key. Entries whose end is past are nothing; `forget_ended` drops them."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one policy asks of one request. One that does not enforce (shadow) hinders nobody; cost 0 only looks."""

    algorithm: Algorithm
    bounds: tuple[Bound, ...]
    cost: int = 1
    enforces: bool = True
    refusals_count: bool = False
    penalty_milliseconds: int = 0
    penalty_key: str = ""


@dataclass(frozen=True, slots=True)
class GiveBack:
    """A charge to take back: `age_milliseconds` ago its answer came."""

    algorithm: Algorithm
    key: str
    window: int
    cost: int
    age_milliseconds: int


class RateState(NamedTuple):
    """One rate as the request left it. Where a policy refuses, `retry` is when its rate would let the same request
    through if no other came; 0 of one that would at once.
    """

    remaining: int
    reset_milliseconds: int
    retry_milliseconds: int


class Verdict(NamedTuple):
    """One policy's answer: the rest of its penalty, and its rates."""

    penalty_milliseconds: int
    states: tuple[RateState, ...]

    @property
    def retry_milliseconds(self) -> int:
        """Return the milliseconds until the policy would let the same request through; 0 when it does."""
        return max(self.penalty_milliseconds, *(state.retry_milliseconds for state in self.states))


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request; `retry_milliseconds` is 0 when it is let through."""

    retry_milliseconds: int
    verdicts: tuple[Verdict, ...]


class _Look(NamedTuple):
    claim: Claim
    windows: tuple[Window, ...]
    is_over: bool
    penalty: int

    @property
    def refuses(self) -> bool:
        return self.is_over or self.penalty > 0


def charge(ledger: Ledger, *, claims: Sequence[Claim], now_milliseconds: int) -> Answer:
    """Look at every rate of every claim, then charge all, or none when one that enforces refuses.

    A claim that refuses and counts refusals is charged all the same; a shadow that refuses is not, and hinders nobody.
    A refusal by a rate begins the claim's penalty when none runs.
    """
    looks = [_look(ledger, claim, now=now_milliseconds) for claim in claims]
    refused = any(look.refuses and look.claim.enforces for look in looks)
    verdicts = tuple(_settle(ledger, look, refused=refused, now=now_milliseconds) for look in looks)
    waits = [verdict.retry_milliseconds for claim, verdict in zip(claims, verdicts, strict=True) if claim.enforces]
    return Answer(max(waits, default=0), verdicts)


def give_back(ledger: Ledger, *, charges: Sequence[GiveBack], now_milliseconds: int) -> None:
    """Take charges back where the window that was charged still counts; never below 0."""
    for back in charges:
        found = _found(ledger, back.key, now=now_milliseconds)
        if isinstance(found, type(EMPTY[back.algorithm])):
            charged_at = now_milliseconds - back.age_milliseconds
            ledger[back.key] = found.less(back.cost, charged_at=charged_at, window=back.window)


def forget_ended(ledger: Ledger, *, now_milliseconds: int) -> None:
    """Drop what has ended."""
    for key in [key for key, entry in ledger.items() if entry.ends_at <= now_milliseconds]:
        del ledger[key]


def _look(ledger: Ledger, claim: Claim, *, now: int) -> _Look:
    windows = tuple(_window(ledger, claim.algorithm, bound, now=now) for bound in claim.bounds)
    is_over = any(claim.cost > window.room(bound, now=now) for window, bound in zip(windows, claim.bounds, strict=True))
    return _Look(claim, windows, is_over, _penalty(ledger, claim, now=now))


def _window(ledger: Ledger, algorithm: Algorithm, bound: Bound, *, now: int) -> Window:
    empty, found = EMPTY[algorithm], _found(ledger, bound.key, now=now)
    if not isinstance(found, type(empty)):
        return empty.at(bound, now=now)
    window = found.at(bound, now=now)
    if found.is_ahead(bound, now=now):
        ledger[bound.key] = window.kept(bound)
    return window


def _penalty(ledger: Ledger, claim: Claim, *, now: int) -> int:
    found = _found(ledger, claim.penalty_key, now=now) if claim.penalty_milliseconds else None
    if found is None:
        return 0
    ends_at = min(found.ends_at, now + claim.penalty_milliseconds)
    ledger[claim.penalty_key] = Penalty(ends_at)
    return ends_at - now


def _found(ledger: Ledger, key: str, *, now: int) -> Window | Penalty | None:
    found = ledger.get(key)
    return found if found and found.ends_at > now else None


def _settle(ledger: Ledger, look: _Look, *, refused: bool, now: int) -> Verdict:
    claim, penalty = look.claim, look.penalty
    if look.is_over and claim.cost and claim.penalty_milliseconds and not penalty:
        penalty = claim.penalty_milliseconds
        ledger[claim.penalty_key] = Penalty(now + penalty)
    is_charged = claim.cost > 0 and (claim.refusals_count if look.refuses else not refused)
    states = []
    for window, bound in zip(look.windows, claim.bounds, strict=True):
        if is_charged:
            window = window.plus(claim.cost, bound=bound, now=now).kept(bound)
            ledger[bound.key] = window
        states.append(_state(window, look, bound, now=now))
    return Verdict(penalty, tuple(states))


def _state(window: Window, look: _Look, bound: Bound, *, now: int) -> RateState:
    cost, room, retry = look.claim.cost, window.room(bound, now=now), 0
    if look.refuses and cost > room:
        could_fit = cost <= EMPTY[look.claim.algorithm].at(bound, now=now).room(bound, now=now)
        retry = window.wait(cost, bound=bound, now=now) if could_fit else bound.window
    return RateState(max(0, room), window.reset(bound, now=now), retry)
