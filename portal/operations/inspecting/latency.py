"""How fast a server answers: measured from here, and what it noted of its own slow events."""

import time
from dataclasses import dataclass
from statistics import median

from portal.operations.inspecting.asking import NotTold, Part, Session, part
from portal.operations.printable import printable

PINGS = 10
_PINGS_SECONDS = 0.2
_SETS_IT = "CONFIG SET latency-monitor-threshold 100"


@dataclass(frozen=True, slots=True)
class Pings:
    """How long PINGs took there and back, from this process."""

    number: int
    least_seconds: float
    median_seconds: float
    most_seconds: float


@dataclass(frozen=True, slots=True)
class SlowEvent:
    """A kind of slow event that the server noted: when last, how long then, and the longest."""

    name: str
    at_seconds: int
    """Since 1970."""
    last_seconds: float
    most_seconds: float


@dataclass(frozen=True, slots=True)
class Latency:
    """`note` tells what keeps the server from noting events, or why nobody can tell."""

    pings: Part[Pings]
    events: Part[tuple[SlowEvent, ...]]
    note: str


def ask_latency(session: Session) -> Latency:
    """Return how fast a server is."""
    pings, events = part(session, _ping), part(session, _events)
    return Latency(pings, events, note=part(session, _note).found or "" if not events.failure else "")


def _ping(session: Session) -> Pings:
    taken: list[float] = []
    while len(taken) < PINGS and sum(taken) < _PINGS_SECONDS:
        began = time.perf_counter()
        session.ask("PING")
        taken.append(time.perf_counter() - began)
    return Pings(len(taken), min(taken), median(taken), max(taken))


def _events(session: Session) -> tuple[SlowEvent, ...]:
    return tuple(
        SlowEvent(printable(name.decode(errors="replace"), keeps=""), at, last / 1000, most / 1000)
        for name, at, last, most, *_ in session.ask("LATENCY", "LATEST")
    )


def _note(session: Session) -> str:
    try:
        answer = session.ask("CONFIG", "GET", "latency-monitor-threshold")
    except NotTold as error:
        return f"Whether it notes slow events cannot be told. {error}"
    if not answer or int(answer[1]):
        return ""
    return f"It notes none: its latency-monitor-threshold is 0. This has it note what takes 100 ms: {_SETS_IT}"
