"""All that the dashboard shows to one person: each part for who has the right to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from portal.operations.dashboard import facts, verdicts
from portal.operations.dashboard.facts import BackedUp, ServerSeen, Underway
from portal.operations.dashboard.history import POINTS_MAX, History, Sampled, history
from portal.operations.dashboard.most_refused import MostRefused, most_refused
from portal.operations.dashboard.periods import Period
from portal.operations.dashboard.refusals import Refusals, refusals
from portal.operations.dashboard.slow_log import SlowLog, slow_logs
from portal.operations.dashboard.verdicts import Verdict
from portal.operations.watching.samples import series


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may look at."""

    redis: bool = False
    tallies: bool = False
    refusals: bool = False
    backups: bool = False
    alerts: bool = False
    users: bool = False
    """Who has an account; it alone opens no part."""

    @property
    def any(self) -> bool:
        """Whether there is a part to show."""
        return self.redis or self.tallies or self.refusals or self.backups or self.alerts


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody chose to see; `server` is the place of one, '' for the first."""

    period: Period
    server: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """The parts; None where there is no right to one, or nothing is known."""

    at: datetime
    period: Period
    verdicts: tuple[Verdict, ...]
    alerts: tuple[Underway, ...]
    servers: tuple[ServerSeen, ...]
    """Those to choose from: where counters are held, or all where none holds any."""
    server: ServerSeen | None
    refusals: Refusals | None
    history: History | None
    most_refused: tuple[MostRefused, ...] | None
    slow_log: SlowLog | None


def page(rights: Rights, *, choice: Choice, backups: Sequence[BackedUp], now: datetime) -> Page:
    """Return what somebody may see; `backups` are those that are shown."""
    servers = facts.servers(now=now) if rights.redis or rights.tallies or rights.alerts else ()
    alerts = facts.alerts() if rights.redis or rights.tallies or rights.alerts else ()
    limiter = facts.limiter() if rights.redis or rights.tallies else None
    offered = _offered(servers) if rights.redis else ()
    server = next((seen for seen in offered if seen.place == choice.server), offered[0] if offered else None)
    return Page(
        at=now,
        period=choice.period,
        verdicts=(
            *(
                (verdicts.limits(limiter, servers=servers, alerts=alerts, now=now), verdicts.step(limiter))
                if limiter
                else ()
            ),
            *((verdicts.redis(servers, now=now),) if rights.redis else ()),
            *((_alerts(alerts, servers=servers, now=now),) if rights.alerts else ()),
            *map(verdicts.backed_up, backups),
            *((verdicts.workers(facts.lives(now=now)), verdicts.watch(servers, now=now)) if rights.redis else ()),
        ),
        alerts=alerts if rights.alerts else (),
        servers=offered,
        server=server,
        refusals=refusals(choice.period, now=now) if rights.tallies else None,
        history=_history(server, period=choice.period, now=now) if server else None,
        most_refused=most_refused(choice.period, now=now, by_name=rights.users) if rights.refusals else None,
        slow_log=slow_logs.of(server, redis_answers=bool(limiter and limiter.in_step is not None)) if server else None,
    )


def _alerts(alerts: Sequence[Underway], *, servers: Sequence[ServerSeen], now: datetime) -> Verdict:
    is_watched = verdicts.is_watched(servers, now=now)
    return verdicts.under_way(alerts, is_watched=is_watched, is_anybody_told=facts.is_anybody_told())


def _offered(servers: tuple[ServerSeen, ...]) -> tuple[ServerSeen, ...]:
    return tuple(seen for seen in servers if seen.holds_counters) or servers


def _history(server: ServerSeen, *, period: Period, now: datetime) -> History | None:
    points = series.points(server.pk, since=period.begins(now=now), until=now, points_max=POINTS_MAX)
    latest = series.latest(server.pk)
    if not points or latest is None:
        return None
    forecast = series.memory_forecast(server.pk, now=now)
    return history(Sampled(points, latest=latest, forecast=forecast, period=period, now=now))
