"""Alerts as their pages show them: each with its words, and all of them in order."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max
from django.urls import reverse

from portal.operations.admin.alerting.conditions import condition_of, figure, threshold_words
from portal.operations.admin.alerting.unheard import whys_unheard
from portal.operations.admin.alerting.words import Sign, ago, at_words, severity_sign, state_sign
from portal.operations.models import Alert, AlertRule, RedisServer, Silence
from portal.operations.watching.alerts.conditions.condition import Condition
from portal.operations.watching.alerts.mutes import silences_at

WATCHED_WITHIN = timedelta(minutes=1)
_UNSURE = (Alert.State.NO_DATA, Alert.State.ERROR)


@dataclass(frozen=True, slots=True)
class Shown:
    """An alert as pages show it at a moment; `server_url` is '' where its target is no server."""

    alert: Alert
    now: datetime
    server_url: str = ""
    silence: Silence | None = None
    unheard: str = ""
    """Why nobody is told of it now; '' where people are."""

    @property
    def condition(self) -> Condition | None:
        """What its rule compares; None where this version does not know it."""
        return condition_of(self.alert.rule)

    @property
    def headline(self) -> str:
        """What is said of its target while it is under way."""
        return self.condition.headline.format(target=self.alert.target) if self.condition else ""

    @property
    def severity(self) -> Sign:
        """That of its rule."""
        return severity_sign(self.alert.rule.severity)

    @property
    def state(self) -> Sign:
        """Its state."""
        return state_sign(self.alert.state)

    @property
    def value(self) -> str:
        """The value last seen, with its unit; '' for none."""
        return figure(self.alert.value, key=self.alert.rule.condition)

    @property
    def threshold(self) -> str:
        """When its rule fires and recovers, in words."""
        return threshold_words(self.alert.rule)

    @property
    def since(self) -> datetime:
        """Since when it is as it is: of what is under way, when it began."""
        return self.alert.began_at or self.alert.since if self.alert.is_active else self.alert.since

    @property
    def how_long(self) -> str:
        """For how long by now."""
        return ago(self.since, now=self.now)

    @property
    def is_recovering(self) -> bool:
        """Say whether it is back already, though not for as long as its rule asks."""
        return self.alert.state == Alert.State.RECOVERING

    @property
    def over_at(self) -> datetime:
        """When what recovers is over, if it stays so."""
        return self.alert.since + timedelta(seconds=self.alert.rule.recover_seconds)

    @property
    def told(self) -> str:
        """When people were told, in a sentence."""
        alert = self.alert
        if alert.told_at is None:
            return "Nobody was told yet." if alert.is_active else ""
        first = f"Told at {at_words(alert.told_at, now=self.now)}"
        if alert.told_last_at is None or alert.told_last_at == alert.told_at:
            return f"{first}."
        return f"{first}, last at {at_words(alert.told_last_at, now=self.now)}."

    @property
    def may_be_acknowledged(self) -> bool:
        """Say whether there is something to take on: what is under way, or told that it cannot be judged."""
        return not self.alert.is_acknowledged and (self.alert.is_active or self.alert.told_at is not None)

    @property
    def is_unsure(self) -> bool:
        """Say whether it cannot be judged now."""
        return self.alert.state in _UNSURE

    @property
    def page_url(self) -> str:
        """Its own page."""
        return reverse("admin:operations_alert_change", args=(self.alert.pk,))


@dataclass(frozen=True, slots=True)
class Alerts:
    """All alerts at a moment, in the order in which people should read them."""

    under_way: tuple[Shown, ...]
    unsure: tuple[Shown, ...]
    turning: tuple[Shown, ...]
    normal: tuple[Shown, ...]

    @property
    def summary(self) -> str:
        """What is under way, in a few words: read out when it changes."""
        number = len(self.under_way)
        if not number:
            unsure = f", and {len(self.unsure)} cannot be judged" if self.unsure else ""
            return f"No alert is under way{unsure}."
        kinds: dict[str, int] = {}
        for shown in self.under_way:
            kinds[shown.severity.words.lower()] = kinds.get(shown.severity.words.lower(), 0) + 1
        parts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        recovering = sum(shown.is_recovering for shown in self.under_way)
        back = f" ({recovering} recovering)" if recovering else ""
        return f"{number} alert{'s are' if number > 1 else ' is'} under way{back}: {parts}."


@dataclass(frozen=True, slots=True)
class Watched:
    """When somebody looked last; None: never."""

    at: datetime | None
    now: datetime

    @property
    def is_fresh(self) -> bool:
        """Say whether that is within a minute."""
        return self.at is not None and self.now - self.at <= WATCHED_WITHIN

    @property
    def ago(self) -> str:
        """How long ago, in words."""
        return ago(self.at, now=self.now) if self.at else ""


def sort_out(alerts: Iterable[Alert], *, now: datetime) -> Alerts:
    """Return alerts by what they need: what is under way first, the worst of it at its head."""
    found = sorted(shown(alerts, now=now), key=_worst_first)
    is_over = [each for each in found if not each.alert.is_active]
    return Alerts(
        under_way=tuple(each for each in found if each.alert.is_active),
        unsure=tuple(each for each in is_over if each.is_unsure),
        turning=tuple(each for each in is_over if not each.is_unsure and not _is_normal(each)),
        normal=tuple(sorted((each for each in is_over if _is_normal(each)), key=lambda each: str(each.alert))),
    )


def shown(alerts: Iterable[Alert], *, now: datetime) -> list[Shown]:
    """Return alerts for a page, with the server that each is about and what keeps people from being told."""
    found = list(alerts)
    servers = {server.place: server.pk for server in RedisServer.objects.only("pk", "place")}
    silences, whys = silences_in_force(now=now), whys_unheard(found, now=now)
    return [
        Shown(
            alert,
            now,
            server_url=_server_url(servers.get(alert.target)),
            silence=_silence_of(alert, silences),
            unheard=whys[alert.pk],
        )
        for alert in found
    ]


def silences_in_force(*, now: datetime) -> list[Silence]:
    """Return the silences that hold, that which ends last at the head."""
    return list(silences_at(now).select_related("rule"))


def watched(*, now: datetime) -> Watched:
    """Return when a server was looked at or a rule judged last."""
    looks = (
        RedisServer.objects.filter(is_in_use=True).aggregate(last=Max("looked_at"))["last"],
        Alert.objects.aggregate(last=Max("judged_at"))["last"],
    )
    return Watched(max((at for at in looks if at), default=None), now)


def rules_not_judged() -> list[AlertRule]:
    """Return the rules that say nothing yet: those that are off, and those without an alert."""
    return [*AlertRule.objects.filter(is_on=True, alerts=None), *AlertRule.objects.filter(is_on=False)]


def _is_normal(each: Shown) -> bool:
    return each.alert.state == Alert.State.NORMAL


def _worst_first(each: Shown) -> tuple[int, bool, bool, datetime, str]:
    # What nobody is told of is mostly a consequence of what they are told of.
    return (-each.alert.rule.severity, each.alert.is_acknowledged, bool(each.unheard), each.since, str(each.alert))


def _silence_of(alert: Alert, silences: Iterable[Silence]) -> Silence | None:
    return next((each for each in silences if each.covers(alert.rule, target=alert.target)), None)


def _server_url(pk: int | None) -> str:
    return reverse("admin:operations_redisserver_change", args=(pk,)) if pk else ""
