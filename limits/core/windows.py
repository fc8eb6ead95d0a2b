"""Fixed window, sliding window and token bucket as plain arithmetic, in whole numbers throughout.

`limits/lua/charge.lua` does the same in Redis; tests hold the two to the same answers. Times are whole milliseconds, of
any clock; `limits/core/ledger.py` charges several rates together.

All three come down to what is *used* of a capacity: a request of cost c is refused when used + c > capacity.

Fixed window: used = count. The window begins with the client's first request and lasts W. Around the moment at which
it ends, two limits' worth may come at once.

Sliding window, of a limit L: time is cut into buckets of W; e milliseconds into one of them
    used = current + previous × (W − e) / W, rounded up,
as if the previous bucket's requests had come evenly (Cloudflare, “How we built rate limiting capable of scaling to
millions of domains”, 2017: of 400 million requests 0.003 % were judged wrongly, and rates were 6 % off on average). At
worst, derived here, against an exact log of the last W:
  * used is too low by at most previous × e / W, and too high by less than previous × (W − e) / W + 1;
  * what is let through in any span of d ≤ W milliseconds is less than L × (1 + d / W): no double burst around an edge,
    but a full limit late in one bucket and the steady rate after it make up to 2 L − 1 in W. Let b of it come in the
    earlier bucket and the last at y < d in the later one: the later one's are at most L − b × (W − y) / W, so that
    both make L + b × y / W at most, and b ≤ L;
  * a client that an exact log would let through waits less than 2 W from its last request let through.

Token bucket: debt is what was taken and has not flowed in again: each request adds its cost, each millisecond takes off
limit / W. used = debt, rounded up. It is the continuous-state leaky bucket of the generic cell rate algorithm (ITU-T
I.371), with an increment of W / limit and a burst of `capacity`. Debt is kept as whole tokens and W-th parts of one, so
that nothing is lost to rounding and an edited limit or capacity keeps it: from the last charge on it is paid off at the
new rate, though what the old one would have paid off by then (`ends_at`) is forgotten then.

Counts stop at COUNT_MAX, and no wait is longer than LONGEST_MILLISECONDS: so that doubles, which Lua has, are exact.
A state that a clock ahead of ours has written is taken as written now: a clock that went back locks nobody out. A cost
above the capacity never fits; its wait is given as the window.
"""

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self, TypeAlias

COUNT_MAX = 10**9
LONGEST_MILLISECONDS = 2**40

Algorithm: TypeAlias = Literal["fixed-window", "sliding-window", "token-bucket"]

_WHOLE = re.compile(r"[0-9]{1,300}")
_THREE_WHOLES = re.compile(r"([0-9]{1,300}):([0-9]{1,300}):([0-9]{1,300})")


@dataclass(frozen=True, slots=True)
class Bound:
    """One rate of one client: the name under which it is counted, and its numbers; `capacity` is a bucket's alone."""

    key: str
    limit: int
    capacity: int
    window: int


class Window(ABC):
    """What is counted of one client under one rate. From `ends_at` on it is nothing."""

    __slots__ = ()
    ends_at: int

    @classmethod
    @abstractmethod
    def read(cls, text: str, *, ends_at: int) -> Self | None:
        """Return what a value in Redis says; None when it is none of ours."""

    @abstractmethod
    def is_ahead(self, bound: Bound, *, now: int) -> bool:
        """Say whether a clock ahead of ours has written this."""

    @abstractmethod
    def at(self, bound: Bound, *, now: int) -> Self:
        """Return the state as of now; the methods below ask for it."""

    @abstractmethod
    def room(self, bound: Bound, *, now: int) -> int:
        """Return the cost that still fits; below 0 after the limit was lowered, or where refusals count."""

    @abstractmethod
    def plus(self, cost: int, *, bound: Bound, now: int) -> Self:
        """Return the state after a charge."""

    @abstractmethod
    def kept(self, bound: Bound) -> Self:
        """Return the state with its end, as it is written."""

    @abstractmethod
    def reset(self, bound: Bound, *, now: int) -> int:
        """Return the milliseconds until the window ends, the previous bucket has faded, or no debt is left."""

    @abstractmethod
    def wait(self, cost: int, *, bound: Bound, now: int) -> int:
        """Return the milliseconds until `cost` fits, which does not now, but could."""

    @abstractmethod
    def less(self, cost: int, *, charged_at: int, window: int) -> Self:
        """Return the state with a charge taken back, or as it is when that was in a window now past."""


@dataclass(frozen=True, slots=True)
class FixedWindow(Window):
    """Requests counted in the window that ends at `ends_at`. In Redis: the count; the key's life is the window's."""

    count: int
    ends_at: int

    @classmethod
    def read(cls, text: str, *, ends_at: int) -> Self | None:
        if not _WHOLE.fullmatch(text) or int(text) > COUNT_MAX:
            return None
        return cls(int(text), ends_at)

    def is_ahead(self, bound: Bound, *, now: int) -> bool:
        return self.ends_at > now + bound.window

    def at(self, bound: Bound, *, now: int) -> Self:
        return replace(self, ends_at=min(self.ends_at, now + bound.window))

    def room(self, bound: Bound, *, now: int) -> int:
        return bound.limit - self.count

    def plus(self, cost: int, *, bound: Bound, now: int) -> Self:
        return replace(self, count=min(self.count + cost, COUNT_MAX))

    def kept(self, bound: Bound) -> Self:
        return self

    def reset(self, bound: Bound, *, now: int) -> int:
        return self.ends_at - now

    def wait(self, cost: int, *, bound: Bound, now: int) -> int:
        return self.ends_at - now

    def less(self, cost: int, *, charged_at: int, window: int) -> Self:
        is_ours = self.ends_at - window <= charged_at
        return replace(self, count=max(0, self.count - cost)) if is_ours else self


@dataclass(frozen=True, slots=True)
class SlidingWindow(Window):
    """Requests counted in bucket `index` (now // window) and in the one before. In Redis: index:previous:current."""

    index: int
    previous: int
    current: int
    ends_at: int

    @classmethod
    def read(cls, text: str, *, ends_at: int) -> Self | None:
        match = _THREE_WHOLES.fullmatch(text)
        if match is None or max(int(match[2]), int(match[3])) > COUNT_MAX:
            return None
        return cls(int(match[1]), int(match[2]), int(match[3]), ends_at)

    def is_ahead(self, bound: Bound, *, now: int) -> bool:
        return self.index > now // bound.window

    def at(self, bound: Bound, *, now: int) -> Self:
        index = now // bound.window
        if index - self.index > 1:
            return replace(self, index=index, previous=0, current=0)
        if index - self.index == 1:
            return replace(self, index=index, previous=self.current, current=0)
        return replace(self, index=index)

    def room(self, bound: Bound, *, now: int) -> int:
        return bound.limit - self.current + -self.previous * self.reset(bound, now=now) // bound.window

    def plus(self, cost: int, *, bound: Bound, now: int) -> Self:
        return replace(self, current=min(self.current + cost, COUNT_MAX))

    def kept(self, bound: Bound) -> Self:
        return replace(self, ends_at=(self.index + 2) * bound.window)

    def reset(self, bound: Bound, *, now: int) -> int:
        return bound.window - now % bound.window

    def wait(self, cost: int, *, bound: Bound, now: int) -> int:
        allowed, rest = bound.limit - cost, self.reset(bound, now=now)
        if self.current <= allowed:
            return rest - (allowed - self.current) * bound.window // self.previous
        return rest + bound.window - allowed * bound.window // self.current

    def less(self, cost: int, *, charged_at: int, window: int) -> Self:
        match self.index - charged_at // window:
            case 0:
                return replace(self, current=max(0, self.current - cost))
            case 1:
                return replace(self, previous=max(0, self.previous - cost))
        return self


@dataclass(frozen=True, slots=True)
class TokenBucket(Window):
    """Debt as it was at `moment`: whole tokens, and parts of one, each the window-th. In Redis: moment:tokens:parts."""

    moment: int
    tokens: int
    parts: int
    ends_at: int

    @classmethod
    def read(cls, text: str, *, ends_at: int) -> Self | None:
        match = _THREE_WHOLES.fullmatch(text)
        if match is None or int(match[2]) > COUNT_MAX:
            return None
        return cls(int(match[1]), int(match[2]), int(match[3]), ends_at)

    def is_ahead(self, bound: Bound, *, now: int) -> bool:
        return self.moment > now and self.parts < bound.window

    def at(self, bound: Bound, *, now: int) -> Self:
        elapsed = min(max(now - self.moment, 0), LONGEST_MILLISECONDS)
        debt = self._debt(bound) if self.parts < bound.window else 0
        tokens, parts = divmod(max(0, debt - elapsed * bound.limit), bound.window)
        return replace(self, moment=now, tokens=tokens, parts=parts)

    def room(self, bound: Bound, *, now: int) -> int:
        return bound.capacity - self.tokens - (self.parts > 0)

    def plus(self, cost: int, *, bound: Bound, now: int) -> Self:
        if cost <= self.room(bound, now=now):
            return replace(self, tokens=self.tokens + cost)
        # A refusal that counts fills it up, and no more.
        return replace(self, tokens=bound.capacity, parts=0) if self.tokens < bound.capacity else self

    def kept(self, bound: Bound) -> Self:
        return replace(self, ends_at=self.moment + max(1, self.reset(bound, now=self.moment)))

    def reset(self, bound: Bound, *, now: int) -> int:
        return _refill(self._debt(bound), limit=bound.limit)

    def wait(self, cost: int, *, bound: Bound, now: int) -> int:
        return _refill(self._debt(bound) + (cost - bound.capacity) * bound.window, limit=bound.limit)

    def less(self, cost: int, *, charged_at: int, window: int) -> Self:
        # What flowed in since then flows in later all the same: the order makes no difference.
        tokens = self.tokens - cost
        return replace(self, tokens=tokens) if tokens >= 0 else replace(self, tokens=0, parts=0)

    def _debt(self, bound: Bound) -> int:
        return self.tokens * bound.window + self.parts


EMPTY: Mapping[Algorithm, Window] = {
    "fixed-window": FixedWindow(0, ends_at=sys.maxsize),
    "sliding-window": SlidingWindow(0, 0, 0, ends_at=0),
    "token-bucket": TokenBucket(0, 0, 0, ends_at=0),
}
"""Each algorithm's state before any request, at any time."""


def _refill(parts: int, *, limit: int) -> int:
    return min(-(-parts // limit), LONGEST_MILLISECONDS)
