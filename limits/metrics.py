"""What Prometheus scrapes: the tallies and the state of this process, summed over all processes of a machine.

The only module that knows prometheus_client, which shares numbers among processes through files in the folder
`PROMETHEUS_MULTIPROC_DIR`; without it each process tells of itself alone. Requests come by here never: the keeper
brings what they counted in memory.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, multiprocess
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from limits.core.tallies import OUTCOMES
from limits.tallies import BUCKETS_SECONDS, Noted


@dataclass(frozen=True, slots=True)
class State:
    """How it stands with the limiter of one process."""

    degraded: bool
    uncounted: int
    """Decisions that could not be counted since the process began."""
    remembered_refusals: int
    policies: int
    policies_revision: int


class _Instruments:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.decisions = Counter(
            "limits_decisions",
            "Decisions by policy; near_limit: let through with less than a fifth left.",
            ["policy", "outcome"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "limits_decision_seconds",
            "How long decisions took.",
            buckets=BUCKETS_SECONDS,
            registry=self.registry,
        )
        self.uncounted = Counter(
            "limits_uncounted_decisions",
            "Decisions that could not be counted in Redis.",
            registry=self.registry,
        )
        self.degraded = self._gauge("degraded", "1 while limits may not hold in one process at least.", "livemax")
        self.remembered = self._gauge("remembered_refusals", "Clients refused from memory.", "livesum")
        self.policies = self._gauge("policies", "Policies in force, in the process that has fewest.", "livemin")
        self.newest = self._gauge("policies_revision_newest", "The newest revision in force in a process.", "livemax")
        self.oldest = self._gauge("policies_revision_oldest", "The oldest revision in force in a process.", "livemin")
        self.uncounted_before = 0

    def _gauge(self, name: str, text: str, mode: str) -> Gauge:
        return Gauge(f"limits_{name}", text, registry=self.registry, multiprocess_mode=mode)  # type: ignore[arg-type]


def add(noted: Noted) -> None:
    """Add what a process noted since the last time."""
    instruments = _instruments()
    for rows in noted.minutes.values():
        for policy, row in rows.items():
            for outcome, number in zip(OUTCOMES, row, strict=True):
                if number:
                    instruments.decisions.labels(policy, outcome).inc(number)
    # The library observes one by one only, which would cost more than all the rest.
    for bucket, number in zip(instruments.seconds._buckets, noted.decisions_by_bucket, strict=True):
        if number:
            bucket.inc(number)
    instruments.seconds._sum.inc(noted.decisions_seconds)


def tell(state: State) -> None:
    """Tell how it stands in this process now."""
    instruments = _instruments()
    instruments.uncounted.inc(max(0, state.uncounted - instruments.uncounted_before))
    instruments.uncounted_before = state.uncounted
    instruments.degraded.set(state.degraded)
    instruments.remembered.set(state.remembered_refusals)
    instruments.policies.set(state.policies)
    instruments.newest.set(state.policies_revision)
    instruments.oldest.set(state.policies_revision)


def exposition(*, accept: str, also: Iterable[Collector] = ()) -> tuple[bytes, str]:
    """Return all metrics as text in the format that a scraper accepts, and that format's content type.

    `also` are collectors of what the site tells beside the limits.
    """
    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry()
    for collector in (_own(), *also):
        registry.register(collector)
    return encode(registry), content_type


def forget_process(pid: int) -> None:
    """Drop the gauges of a process that has ended; what it counted stays."""
    if _shared_folder():
        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _own() -> Collector:
    if not (folder := _shared_folder()):
        return _instruments().registry
    collector: Collector = multiprocess.MultiProcessCollector(None, path=folder)  # type: ignore[no-untyped-call]
    return collector


def _shared_folder() -> str:
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    return folder if os.path.isdir(folder) else ""


@cache
def _instruments() -> _Instruments:
    # At first use: in a shared folder each process that has instruments leaves files.
    return _Instruments()
