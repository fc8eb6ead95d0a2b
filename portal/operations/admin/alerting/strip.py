"""A strip of an alert's states over time: bars that the server draws, whose height tells the state without colour."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from django.utils import timezone

from portal.operations.admin.alerting.words import Sign, state_sign
from portal.operations.admin.spans import in_words
from portal.operations.models import Alert, AlertEvent

WIDTH = 1000
HEIGHT = 40
EVENTS_MAX = 500
_HEIGHTS = {
    Alert.State.NORMAL: 6,
    Alert.State.PENDING: 20,
    Alert.State.RECOVERING: 20,
    Alert.State.NO_DATA: 30,
    Alert.State.ERROR: 30,
    Alert.State.FIRING: HEIGHT,
}
_NARROWEST = 2.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """For how long an alert was in a state, and the value with which it entered it."""

    state: str
    begins: datetime
    ends: datetime
    value: float | None = None
    goes_on: bool = False

    @property
    def sign(self) -> Sign:
        """How the state is shown."""
        return state_sign(self.state)

    @property
    def took(self) -> str:
        """How long, in words."""
        return in_words(int((self.ends - self.begins).total_seconds()), parts=2)


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch in a drawing of WIDTH by HEIGHT, whose zero is at the top left."""

    stretch: Stretch
    x: float
    width: float

    @property
    def height(self) -> int:
        """As high as the state is grave."""
        return _HEIGHTS[Alert.State(self.stretch.state)]

    @property
    def y(self) -> int:
        """Where it begins, from the top."""
        return HEIGHT - self.height


@dataclass(frozen=True, slots=True)
class Strip:
    """The states of a span of time that ends now; what was before the first event known is left blank."""

    stretches: tuple[Stretch, ...]
    begins: datetime
    ends: datetime
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def bars(self) -> list[Bar]:
        """What is drawn. Grave states come last, so that a short one is not hidden beneath a long one."""
        return sorted(map(self._bar, self.stretches), key=lambda bar: bar.height)

    @property
    def summary(self) -> str:
        """How often and how long it fired: `Fired 3 times, 2 h 10 min in all.`"""
        fired = [stretch for stretch in self.stretches if stretch.state == Alert.State.FIRING]
        if not fired:
            return "It did not fire."
        seconds = sum((stretch.ends - stretch.begins).total_seconds() for stretch in fired)
        often = {1: "once", 2: "twice"}.get(len(fired), f"{len(fired)} times")
        return f"It fired {often}, {in_words(int(seconds), parts=2)} in all."

    @property
    def ticks(self) -> list[str]:
        """Five moments beneath it, from the left to the right."""
        step = (self.ends - self.begins) / 4
        form = "%H:%M" if self.ends - self.begins <= timedelta(days=1) else "%m-%d %H:%M"
        return [f"{timezone.localtime(self.begins + number * step):{form}}" for number in range(5)]

    def _bar(self, stretch: Stretch) -> Bar:
        whole = (self.ends - self.begins).total_seconds()
        left = WIDTH * (stretch.begins - self.begins).total_seconds() / whole
        width = WIDTH * (stretch.ends - stretch.begins).total_seconds() / whole
        return Bar(stretch, x=round(left, 2), width=round(max(_NARROWEST, width), 2))


def strip_of(alert: Alert, *, begins: datetime, now: datetime) -> Strip:
    """Return the states of an alert from `begins` until now, of its newest EVENTS_MAX changes."""
    entered = AlertEvent.objects.filter(
        rule_name=alert.rule.name, target=alert.target, what__in=Alert.State.values, at__lte=now
    )
    within = list(entered.filter(at__gt=begins)[:EVENTS_MAX])
    # Where there were more, nobody knows what was before the first of them.
    before = [] if len(within) == EVENTS_MAX else list(entered.filter(at__lte=begins)[:1])
    return Strip(tuple(stretches([*reversed(within + before)], begins=begins, ends=now)), begins=begins, ends=now)


def stretches(events: Sequence[AlertEvent], *, begins: datetime, ends: datetime) -> Iterator[Stretch]:
    """Yield how long each state that was entered lasted, within a span; `events` are the oldest first."""
    moments = [*(max(event.at, begins) for event in events), ends]
    for event, (since, until) in zip(events, pairwise(moments), strict=True):
        yield Stretch(event.what, begins=since, ends=until, value=event.value, goes_on=until is ends)
