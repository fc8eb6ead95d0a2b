"""What operators look at and undo: live counters.

Who has used most is found by SCAN, in small steps and within a time; never by KEYS. One client is found by name.
"""

import heapq
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from limits.core import keys
from limits.core.policies import Algorithm, Policy
from limits.core.rates import Rate
from limits.core.windows import EMPTY, Bound
from limits.store.connection import is_cluster, outside_request, run, text
from limits.store.scripts import script

LOOK_SECONDS = 0.7
"""How long to look for those who have used most."""
MOST = 100
"""How many of them are told."""

_FORGET = script("forget")
_STEP = 1000
"""Keys that SCAN looks at in one call: about 1 ms of a Redis 7.0 that holds a million."""

_KNOWN_MAX = 100_000
_CLIENT = "\0"

WindowName = tuple[Algorithm, int]
"""What names a counter beside policy and client: how it is counted, and the window in seconds."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one client has used of one rate. In `rest_milliseconds` nothing of it is left, if no request comes;
    `wait_milliseconds` above 0: the rate refuses until then.
    """

    rate: Rate
    capacity: int
    used: int
    rest_milliseconds: int
    wait_milliseconds: int

    @property
    def share(self) -> float:
        return self.used / self.capacity


@dataclass(frozen=True, slots=True)
class LiveClient:
    """All that is counted of one client under one policy; `penalty_milliseconds` is the rest of its penalty."""

    name: str
    usages: tuple[Usage, ...] = ()
    penalty_milliseconds: int = 0

    @property
    def is_counted(self) -> bool:
        return bool(self.usages or self.penalty_milliseconds)

    @property
    def share(self) -> float:
        """The largest share of a limit that is used, infinite under a penalty."""
        return math.inf if self.penalty_milliseconds else max((usage.share for usage in self.usages), default=0.0)


@dataclass(frozen=True, slots=True)
class Sample:
    """Clients, roughly the most used first, whose `counters` were found among `looked_at` of all `keys`."""

    clients: tuple[str, ...]
    counters: int
    looked_at: int
    keys: int
    has_more: bool = False
    """Whether more clients were found than are named."""

    @property
    def is_part(self) -> bool:
        return self.looked_at < self.keys

    @property
    def percent(self) -> int:
        """How much of Redis was looked at, rounded down."""
        return 100 * self.looked_at // self.keys if self.keys else 100


def sample(
    policy: Policy,
    *,
    other_rates: Iterable[Rate] = (),
    most: int = MOST,
    seconds: float = LOOK_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Sample:
    """Return who has used most of a policy's limits, found within so many seconds. Raises StoreUnavailable.

    `other_rates` are those that some of its clients have in place of its own.
    """
    rates = (*other_rates, *policy.rates)
    return outside_request(lambda connection: _Search(connection, policy, rates, most=most, clock=clock).run(seconds))


def read(asked: Sequence[tuple[Policy, str]]) -> list[LiveClient]:
    """Return what each client has used under a policy, found by name; two round trips. Raises StoreUnavailable."""
    return outside_request(lambda connection: _read(connection, asked))


def forget(slug: str, *, client: str, windows: Iterable[WindowName]) -> int:
    """Delete one client's counters of these windows, and its penalty; return how many there were.

    Every process forgets whom it knows to be refused within its next look. Raises StoreUnavailable: then the client was
    perhaps forgiven, for an answer may be lost after the work is done.
    """
    names = [_name(slug, client, window) for window in windows] + [keys.penalty(slug, client=client)]
    return outside_request(lambda connection: _forget(connection, names))


def _forget(connection: redis.Redis, names: Sequence[str]) -> int:
    if not is_cluster(connection):
        return int(run(_FORGET, connection, keys=(keys.POLICIES, *names), args=()))
    # In two slots, so in two steps: whoever sees the epoch grow must not find the counters still there.
    deleted = connection.delete(*names)
    connection.hincrby(keys.POLICIES, "epoch", 1)
    return int(deleted)


class _Search:
    """One look through the keys, for those who have used most. A key costs a microsecond or two."""

    def __init__(
        self,
        connection: redis.Redis,
        policy: Policy,
        rates: Sequence[Rate],
        *,
        most: int,
        clock: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._policy = policy
        self._most = most
        self._clock = clock
        self._places = _places(connection)
        self._now = _now(self._places[0])
        self._begin, self._rates = _parts_of_names(policy, rates)
        self._known_shares: dict[tuple[bytes, bytes], float] = {}
        self._shares: dict[bytes, float] = {}
        self._counters = 0
        self._has_more = False

    def run(self, seconds: float) -> Sample:
        ends_at = self._clock() + seconds
        all_keys = looked_at = 0
        for nth, place in enumerate(self._places):
            # Each node of a Cluster has its part of the time that is left.
            now = self._clock()
            held = place.dbsize()
            until = now + (ends_at - now) / (len(self._places) - nth)
            looked_at += min(held, self._scan(place, until=until, held=held))
            all_keys += held
        self._keep_the_best()
        clients = tuple(map(text, self._shares))
        return Sample(clients, self._counters, looked_at, all_keys, self._has_more)

    def _scan(self, place: redis.Redis, *, until: float, held: int) -> int:
        """Take in what a server holds, until a moment; return how many of its keys were looked at."""
        pattern = keys.counter_glob(self._policy.slug)
        cursor, looked_at = 0, 0
        while True:
            cursor, names = place.scan(cursor, match=pattern, count=_STEP)
            looked_at += _STEP
            self._take(place, names)
            if not cursor:
                return held
            if self._clock() >= until:
                return looked_at

    def _take(self, place: redis.Redis, names: Sequence[Any]) -> None:
        begin = len(self._begin)
        for name, value in zip(names, self._values(place, names), strict=True):
            end = name.rfind(b"}")
            if isinstance(value, bytes) and (share := self._share(name[end:], value)):
                client = name[begin:end]
                self._counters += 1
                self._shares[client] = max(share, self._shares.get(client, 0.0))
        if len(self._shares) > 100 * self._most:
            self._keep_the_best()

    def _values(self, place: redis.Redis, names: Sequence[Any]) -> list[Any]:
        if not names:
            return []
        if not is_cluster(self._connection):
            return place.mget(names)
        # One node of a Cluster refuses to answer for several slots at once.
        with place.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.get(name)
            return pipe.execute(raise_on_error=False)

    def _share(self, ending: bytes, value: bytes) -> float:
        # Most clients have used as much as many another.
        share = self._known_shares.get((ending, value))
        if share is None:
            share = self._measure(ending, value)
            if len(self._known_shares) < _KNOWN_MAX:
                self._known_shares[ending, value] = share
        return share

    def _measure(self, ending: bytes, value: bytes) -> float:
        if ending not in self._rates:
            return 0.0
        rate = self._rates[ending]
        if rate is None:
            return math.inf
        # When it ends makes no difference to what is used.
        usage = _usage(self._policy, rate, value, rest=rate.window_seconds * 1000, now=self._now)
        return usage.share if usage else 0.0

    def _keep_the_best(self) -> None:
        best = heapq.nlargest(self._most, self._shares, key=self._shares.__getitem__)
        self._has_more = self._has_more or len(best) < len(self._shares)
        self._shares = {client: self._shares[client] for client in best}


def _parts_of_names(policy: Policy, rates: Iterable[Rate]) -> tuple[bytes, dict[bytes, Rate | None]]:
    """Return with what the names of a policy's counters begin, and the rate for each of their endings.

    An ending is what follows the client; for the penalty's there is no rate.
    """
    named: list[tuple[str, Rate | None]] = [
        (_name(policy.slug, _CLIENT, (policy.algorithm, rate.window_seconds)), rate) for rate in rates
    ]
    if policy.penalty_seconds:
        named.append((keys.penalty(policy.slug, client=_CLIENT), None))
    parts = [(name.encode().split(_CLIENT.encode()), rate) for name, rate in named]
    return parts[0][0][0], {ending: rate for (_, ending), rate in parts}


def _read(connection: redis.Redis, asked: Sequence[tuple[Policy, str]]) -> list[LiveClient]:
    if not asked:
        return []
    now = _now(_places(connection)[0])
    with connection.pipeline(transaction=False) as pipe:
        for policy, client in asked:
            for rate in policy.rates:
                name = _name(policy.slug, client, (policy.algorithm, rate.window_seconds))
                pipe.get(name)
                pipe.pttl(name)
            pipe.pttl(keys.penalty(policy.slug, client=client))
        answers = iter(pipe.execute(raise_on_error=False))
    return [_live_client(policy, client, answers, now=now) for policy, client in asked]


def _live_client(policy: Policy, client: str, answers: Iterator[Any], *, now: int) -> LiveClient:
    usages = [_usage(policy, rate, next(answers), rest=next(answers), now=now) for rate in policy.rates]
    penalty = min(max(0, next(answers)), policy.penalty_seconds * 1000)
    return LiveClient(client, tuple(usage for usage in usages if usage), penalty)


def _usage(policy: Policy, rate: Rate, value: Any, *, rest: int, now: int) -> Usage | None:
    """Return what a counter says, by the server's clock; None when there is none, or nothing of it is left."""
    empty = EMPTY[policy.algorithm.value]
    found = empty.read(text(value), ends_at=now + rest) if isinstance(value, bytes | str) else None
    if found is None or rest <= 0:
        return None
    bound = Bound("", rate.limit, rate.capacity, rate.window_seconds * 1000)
    state, capacity = found.at(bound, now=now), empty.at(bound, now=now).room(bound, now=now)
    room = state.room(bound, now=now)
    if room >= capacity:
        return None
    wait = 0
    if policy.cost > room:
        wait = state.wait(policy.cost, bound=bound, now=now) if policy.cost <= capacity else bound.window
    return Usage(rate, capacity, capacity - room, state.kept(bound).ends_at - now, wait)


def _name(slug: str, client: str, window: WindowName) -> str:
    algorithm, seconds = window
    return keys.counter(slug, client=client, window_seconds=seconds, algorithm=algorithm)


def _places(connection: Any) -> list[redis.Redis]:
    """Return a client of each server that holds keys: of a Cluster, its primaries."""
    if not is_cluster(connection):
        return [connection]
    return [connection.get_redis_connection(node) for node in connection.get_primaries()]


def _now(place: redis.Redis) -> int:
    seconds, microseconds = place.time()
    return int(seconds) * 1000 + int(microseconds) // 1000
