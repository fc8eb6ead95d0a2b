"""What this process decided, counted in memory: by policy and minute, how long decisions took, who was refused last.

The keeper writes it to Redis about once a second. What cannot be written waits, within bounds, until it can.
"""

import os
import secrets
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.http import HttpRequest
from django.urls import Resolver404, resolve

from limits.core.decisions import Decision
from limits.core.tallies import OUTCOMES, REFUSED, Refused, outcome_of, refused
from limits.exceptions import StoreUnavailable
from limits.store import tallies as store
from limits.store.connection import breaker

BUCKETS_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5)
"""The upper bounds of the counts of decision times; one more count holds what took longer."""
ROWS_MAX = 20_000
"""Rows of a policy and a minute that wait at most; beyond that the oldest minutes are lost."""
BATCH_ROWS_MAX = 500
REFUSALS_MAX = 100
"""Refusals kept from one batch to the next: the latest."""

_Minutes = dict[int, dict[str, list[int]]]


class _Refusal(NamedTuple):
    at: float
    policy: str
    client: str
    method: str
    path: str
    route: str | None


@dataclass(frozen=True, slots=True)
class Noted:
    """What was noted from one moment to another: `minutes` since 1970, then by policy a number for each outcome."""

    minutes: Mapping[int, Mapping[str, Sequence[int]]]
    decisions_by_bucket: Sequence[int]
    decisions_seconds: float
    refusals: Sequence[Refused]


class Tallies:
    """Counts of one process. `clock` tells seconds since 1970."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._noting = threading.Lock()
        self._writing = threading.Lock()
        self._minute = -1
        self._rows: dict[str, list[int]] = {}
        self._start_afresh()
        self._waiting: _Minutes = {}
        self._waiting_refusals: deque[Refused] = deque(maxlen=REFUSALS_MAX)
        self._sender = secrets.token_hex(8)
        self._batches = 0
        self._unsent: store.Batch | None = None

    def note(self, decision: Decision, *, request: HttpRequest | None = None, seconds: float | None = None) -> None:
        """Count a decision, and how long it took. The hot path: memory alone."""
        outcome = outcome_of(decision)
        slug = decision.policy.slug
        now = self._clock()
        minute = int(now) // 60
        with self._noting:
            if minute != self._minute:
                self._turn_to(minute)
            row = self._rows.get(slug)
            if row is None:
                row = self._rows[slug] = [0] * len(OUTCOMES)
            row[outcome] += 1
            if seconds is not None:
                self._by_bucket[bisect_left(BUCKETS_SECONDS, seconds)] += 1
                self._seconds += seconds
            if outcome == REFUSED:
                self._refusals.append(_Refusal(now, slug, decision.client, *_asked(request)))

    def take(self) -> Noted:
        """Return what was noted since the last time, and begin anew."""
        with self._noting:
            minutes, by_bucket, seconds, refusals = self._minutes, self._by_bucket, self._seconds, self._refusals
            self._start_afresh()
        return Noted(minutes, by_bucket, seconds, list(map(_told, refusals)))

    def write(self, noted: Noted) -> bool:
        """Write to Redis what was taken, and what waited; return whether all is written. One round trip, as a rule."""
        with self._writing:
            self._let_wait(noted)
            if breaker.is_open:
                return False
            try:
                while batch := self._unsent or self._next_batch():
                    # Sent again as it is, should no answer come: it may have been written all the same.
                    self._unsent = batch
                    store.write(batch)
                    self._unsent = None
            except StoreUnavailable:
                return False
        return True

    def flush(self) -> bool:
        """Write to Redis what was noted by now; return whether all is written."""
        return self.write(self.take())

    def begin_anew(self) -> None:
        """Forget everything, as a process that was forked off must: its parent writes what it noted."""
        self.__init__(clock=self._clock)  # type: ignore[misc]

    def _start_afresh(self) -> None:
        self._minutes: _Minutes = {}
        self._minute = -1
        self._by_bucket = [0] * (len(BUCKETS_SECONDS) + 1)
        self._seconds = 0.0
        self._refusals: deque[_Refusal] = deque(maxlen=REFUSALS_MAX)

    def _turn_to(self, minute: int) -> None:
        self._minute = minute
        self._rows = self._minutes.setdefault(minute, {})
        _drop_oldest(self._minutes)

    def _let_wait(self, noted: Noted) -> None:
        for minute, rows in noted.minutes.items():
            kept = self._waiting.setdefault(minute, {})
            for policy, row in rows.items():
                kept[policy] = [a + b for a, b in zip(kept.get(policy, [0] * len(row)), row, strict=True)]
        self._waiting_refusals.extend(noted.refusals)
        _drop_oldest(self._waiting)

    def _next_batch(self) -> store.Batch | None:
        minutes: _Minutes = {}
        room = BATCH_ROWS_MAX
        while self._waiting and room:
            minute = min(self._waiting)
            rows = self._waiting[minute]
            taken = list(rows)[:room]
            minutes[minute] = {policy: rows.pop(policy) for policy in taken}
            room -= len(taken)
            if not rows:
                del self._waiting[minute]
        if not minutes and not self._waiting_refusals:
            return None
        refusals = tuple(self._waiting_refusals)
        self._waiting_refusals.clear()
        self._batches += 1
        return store.Batch(self._sender, self._batches, minutes, refusals)


def _asked(request: HttpRequest | None) -> tuple[str, str, str | None]:
    """Return method, path, and the route if the request has come so far that it is known."""
    if request is None:
        return "", "", None
    match = request.resolver_match
    return request.method or "", request.path_info, match.route if match else None


def _told(refusal: _Refusal) -> Refused:
    route = refusal.route
    if route is None and refusal.path:
        # Known refusals are answered before the path is resolved: that is left to whoever takes them out of memory.
        route = _route_of(refusal.path)
    return refused(**refusal._replace(route=route)._asdict())


def _route_of(path: str) -> str | None:
    """Return the route that a path takes, with or without the slash at its end; None when it leads nowhere."""
    for attempt in (path, f"{path}/"):
        try:
            return resolve(attempt).route
        except Resolver404:
            continue
        except Exception:
            # Whatever a site's own converter raises: what the path holds is not known, so nothing is kept of it.
            return ""
    return None


def _drop_oldest(minutes: _Minutes) -> None:
    while len(minutes) > 1 and sum(map(len, minutes.values())) > ROWS_MAX:
        del minutes[min(minutes)]


tallies = Tallies()
os.register_at_fork(after_in_child=tallies.begin_anew)
