"""One look at one server: all parts of its page, each by itself."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from portal.operations.inspecting.addresses import address_of, is_clustered
from portal.operations.inspecting.asking import (
    ANSWER_SECONDS,
    WHOLE_SECONDS,
    NoAnswer,
    Part,
    Session,
    part,
    session_with,
    whom_of,
)
from portal.operations.inspecting.cards import Card, cards
from portal.operations.inspecting.clients import Clients, ask_clients
from portal.operations.inspecting.databases import Database, uses
from portal.operations.inspecting.databases import databases as databases_of
from portal.operations.inspecting.info import Info, ask_info
from portal.operations.inspecting.latency import Latency, ask_latency
from portal.operations.inspecting.refused import refused
from portal.operations.inspecting.sampling import SECONDS, Sample, sample
from portal.operations.inspecting.sets import SetLook, ask_set
from portal.operations.inspecting.slow_log import SlowCommand, ask_slow_log
from portal.operations.watching.at_once import at_once
from portal.redis_address import RedisAddress

Found = TypeVar("Found")

_LATE = "It took too long to answer, and this page did not wait."
_GRACE_SECONDS = 0.3
"""What a sample may take longer than it is meant to."""


@dataclass(frozen=True, slots=True)
class ServerPage:
    """What one server's page shows. `failure`: why nothing could be asked, and then all parts are empty."""

    at: datetime
    took_seconds: float
    failure: str = ""
    cards: Part[tuple[Card, ...]] = field(default_factory=Part)
    databases: Part[tuple[Database, ...]] = field(default_factory=Part)
    latency: Latency | None = None
    slow_log: Part[tuple[SlowCommand, ...]] = field(default_factory=Part)
    clients: Part[Clients] = field(default_factory=Part)
    set: Part[SetLook] | None = None

    @property
    def trouble_count(self) -> int:
        """How much in INFO is troubling."""
        return sum(card.trouble_count for card in self.cards.found or ())

    @property
    def is_refused_something(self) -> bool:
        """Whether a part is missing because this site's user may not ask for it."""
        parts: list[Part[Any]] = [self.cards, self.slow_log, self.clients]
        if self.latency:
            parts += [self.latency.pings, self.latency.events]
        return any(part.failure for part in parts)


def look_at(place: str, *, source: str, holds_counters: bool, now: datetime) -> ServerPage:
    """Ask the server at a place for all that its page shows. It raises nothing for what a server does.

    Nobody waits for one that sends its answer bit by bit, nor for a name that is long looked for.
    """
    began = time.monotonic()

    def ask(place: str) -> ServerPage:
        try:
            with session_with(_address(place, source=source)) as session:
                return _look(session, source=source, holds_counters=holds_counters, now=now, began=began)
        except NoAnswer as error:
            return ServerPage(now, took_seconds=time.monotonic() - began, failure=str(error))

    (found,) = at_once(ask, [place], seconds=WHOLE_SECONDS + ANSWER_SECONDS)
    return found or ServerPage(now, took_seconds=time.monotonic() - began, failure=_LATE)


def sample_keys(
    place: str, *, source: str, databases: Sequence[int] | None = None, before: Sample | None = None
) -> Part[Sample]:
    """Look at keys of a server for a second, going on where a sample before ended. None: all databases with keys.

    Where that fails, what was found is the sample before.
    """

    def ask(place: str) -> Part[Sample]:
        try:
            with session_with(_address(place, source=source), seconds=SECONDS + _GRACE_SECONDS) as session:
                if is_clustered(source):
                    # Else a replica sends whoever asks for a key to its primary.
                    part(session, lambda session: session.ask("READONLY"))
                chosen = _filled(session, source=source) if databases is None and before is None else databases or ()
                return part(session, lambda session: sample(session, before=before, databases=chosen))
        except NoAnswer as error:
            return Part(failure=str(error))

    (found,) = at_once(ask, [place], seconds=SECONDS + _GRACE_SECONDS + ANSWER_SECONDS)
    return Part(found.found or before, failure=found.failure) if found else Part(before, failure=_LATE)


def ask_again(place: str, *, source: str) -> None:
    """Have a server asked again for what it refused lately."""
    with suppress(NoAnswer):
        refused.forget(whom_of(_address(place, source=source)))


def _filled(session: Session, *, source: str) -> tuple[int, ...]:
    """Return the databases that hold keys; where nobody may know, those that this site uses."""
    info = part(session, ask_info)
    found = _of(
        session, info, lambda told: tuple(each.number for each in databases_of(told, source=source) if each.keys)
    )
    return (tuple(uses(source)) or (0,)) if found.found is None else found.found or (0,)


def _look(session: Session, *, source: str, holds_counters: bool, now: datetime, began: float) -> ServerPage:
    info = part(session, ask_info)
    if info.failure and not session.answers:
        return ServerPage(now, took_seconds=time.monotonic() - began, failure=info.failure)
    return ServerPage(
        at=now,
        cards=_of(session, info, lambda found: cards(found, holds_counters=holds_counters)),
        databases=_of(session, info, lambda found: databases_of(found, source=source)),
        latency=ask_latency(session),
        slow_log=part(session, ask_slow_log),
        clients=part(session, ask_clients),
        set=ask_set(session, source=source),
        took_seconds=time.monotonic() - began,
    )


def _of(session: Session, info: Part[Info], read: Callable[[Info], Found]) -> Part[Found]:
    """Return what INFO tells, or why it tells nothing."""
    found = info.found
    return Part(failure=info.failure) if found is None else part(session, lambda _: read(found))


def _address(place: str, *, source: str) -> RedisAddress:
    try:
        return address_of(place, source=source)
    except LookupError as error:
        raise NoAnswer("This is no single server that this site’s settings lead to, so it is not asked.") from error
