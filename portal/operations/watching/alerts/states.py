"""The states of an alert, as plain arithmetic: what a verdict makes of how it stood.

    normal → pending → firing → recovering → normal

`no data` and `error` lie beside these. What is under way stays under way through them: without data nothing is over.
Decisions on the way:
- Durations are measured by the clock from the first verdict of their kind, so late or missed judgements cost nothing.
- Between `recover_at` and the threshold, what is under way goes on, and what is not has not begun.
- A pending that loses its data begins anew when data is back: nobody knows whether it held meanwhile. So does a
  recovery.
- A clock that was set back starts the running duration anew; it ends nothing and begins nothing.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    """Where an alert stands."""

    NORMAL = "normal"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"
    NO_DATA = "no data"
    ERROR = "error"

    @property
    def is_trouble(self) -> bool:
        """Whether the rule cannot be judged."""
        return self in (State.NO_DATA, State.ERROR)


class Verdict(StrEnum):
    """What one look says of a rule at a target."""

    BAD = "bad"
    BETWEEN = "between"
    GOOD = "good"
    NO_DATA = "no data"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a rule waits: bad for so long before it fires, good for so long before it is over."""

    fires_after: timedelta = timedelta(0)
    over_after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an alert stands. `began_at` is when what is, or was last, under way began to fire."""

    state: State
    since: datetime
    is_active: bool = False
    began_at: datetime | None = None


def step(standing: Standing, verdict: Verdict, *, timing: Timing, now: datetime) -> Standing:
    """Return how it stands after a verdict. A state that was kept keeps its `since`."""
    since = min(standing.since, now)
    state = _next(standing, verdict, timing=timing, lasted=now - since)
    begins = state is State.FIRING and not standing.is_active
    return Standing(
        state=state,
        since=since if state is standing.state else now,
        is_active=begins or (standing.is_active and state is not State.NORMAL),
        began_at=now if begins else standing.began_at,
    )


def ended(standing: Standing, *, now: datetime) -> Standing:
    """Return how it stands once nobody judges it any more: its rule is off, or its target gone."""
    since = standing.since if standing.state is State.NORMAL else now
    return replace(standing, state=State.NORMAL, since=since, is_active=False)


def _next(standing: Standing, verdict: Verdict, *, timing: Timing, lasted: timedelta) -> State:
    if verdict in (Verdict.NO_DATA, Verdict.ERROR):
        return State(verdict.value)
    if standing.is_active:
        return _of_active(standing.state, verdict, over_after=timing.over_after, lasted=lasted)
    return _of_inactive(standing.state, verdict, fires_after=timing.fires_after, lasted=lasted)


def _of_active(state: State, verdict: Verdict, *, over_after: timedelta, lasted: timedelta) -> State:
    if verdict is not Verdict.GOOD:
        return State.FIRING
    been_good_for = lasted if state is State.RECOVERING else timedelta(0)
    return State.NORMAL if been_good_for >= over_after else State.RECOVERING


def _of_inactive(state: State, verdict: Verdict, *, fires_after: timedelta, lasted: timedelta) -> State:
    if verdict is not Verdict.BAD:
        return State.NORMAL
    been_bad_for = lasted if state is State.PENDING else timedelta(0)
    return State.FIRING if been_bad_for >= fires_after else State.PENDING
