"""One pass's judgement of every alert, before anything is written: how each stood, and how it stands now."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.operations.models import Alert, AlertRule, RedisServer
from portal.operations.watching.alerts import states
from portal.operations.watching.alerts.conditions import CONDITIONS
from portal.operations.watching.alerts.conditions.condition import Condition, Found, Scope, no_data
from portal.operations.watching.alerts.findings import Answer, verdict_of
from portal.operations.watching.alerts.states import Standing, State, Timing
from portal.operations.watching.alerts.telling_rules import Told, carried_over
from portal.operations.watching.readings import Look

SWITCHED_OFF = "The rule was switched off."
NOT_USED = "The server is not used any more."
NOT_CONCERNED = "The rule is not about it any more."
GONE = "It is not there any more."


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a pass makes of one alert."""

    alert: Alert
    condition: Condition | None
    before: Standing
    after: Standing
    found: Found
    told: Told
    is_closed: bool = False
    """Whether nobody judges it any more."""

    @property
    def rule(self) -> AlertRule:
        """The alert's rule."""
        return self.alert.rule

    @property
    def has_moved(self) -> bool:
        """Whether it entered another state."""
        return self.after.state is not self.before.state


def judge_all(
    rules: Iterable[AlertRule], *, alerts: Iterable[Alert], answers: Mapping[str, Answer], look: Look, now: datetime
) -> list[Judgement]:
    """Return the judgement of each alert. Those of rules that are not among `rules` are closed."""
    by_pk = {rule.pk: rule for rule in rules}
    unseen = _unseen_places(look)
    return [_judge(alert, rules=by_pk, answers=answers, look=look, unseen=unseen, now=now) for alert in alerts]


def wanted(rules: Iterable[AlertRule], *, answers: Mapping[str, Answer], look: Look) -> Iterator[tuple[AlertRule, str]]:
    """Yield each rule with each target at which it has something to judge."""
    for rule in rules:
        answer = answers[rule.condition]
        targets: Iterable[str] = answer.found
        if answer.failure:
            targets = _targets(answer.condition, look=look)
        yield from ((rule, target) for target in targets)


def closed(alert: Alert, *, words: str, now: datetime) -> Judgement:
    """Return the judgement of an alert that nobody judges any more, and why."""
    before = standing_of(alert)
    return Judgement(
        alert,
        condition=CONDITIONS.get(alert.rule.condition),
        before=before,
        after=states.ended(before, now=now),
        found=Found(None, words),
        told=told_of(alert),
        is_closed=True,
    )


def standing_of(alert: Alert) -> Standing:
    """Return how the row of an alert stands."""
    return Standing(State(alert.state), since=alert.since, is_active=alert.is_active, began_at=alert.began_at)


def told_of(alert: Alert) -> Told:
    """Return when people were told of an alert, as its row has it."""
    return Told(alert.told_at, last_at=alert.told_last_at)


def _judge(
    alert: Alert,
    *,
    rules: Mapping[int, AlertRule],
    answers: Mapping[str, Answer],
    look: Look,
    unseen: frozenset[str],
    now: datetime,
) -> Judgement:
    rule = rules.get(alert.rule_id)
    if rule is None:
        return closed(alert, words=SWITCHED_OFF, now=now)
    answer = answers[rule.condition]
    condition, found = answer.condition, answer.at(alert.target)
    if found is None and condition and condition.scope is Scope.SERVER and alert.target in unseen:
        found = no_data("It was not looked at.")
    if found is None:
        return closed(alert, words=_why_gone(alert, condition=condition, look=look), now=now)
    return _step(alert, rule=rule, condition=condition, found=found, now=now)


def _step(alert: Alert, *, rule: AlertRule, condition: Condition | None, found: Found, now: datetime) -> Judgement:
    before = standing_of(alert)
    verdict = verdict_of(found, condition=condition, rule=rule)
    after = states.step(before, verdict, timing=timing_of(rule), now=now)
    told = carried_over(told_of(alert), before=before, after=after)
    return Judgement(alert, condition=condition, before=before, after=after, found=found, told=told)


def timing_of(rule: AlertRule) -> Timing:
    """Return how long a rule waits."""
    return Timing(timedelta(seconds=rule.for_seconds), over_after=timedelta(seconds=rule.recover_seconds))


def _why_gone(alert: Alert, *, condition: Condition | None, look: Look) -> str:
    if condition is None or condition.scope is not Scope.SERVER:
        return GONE
    is_seen = any(server.place == alert.target for server in look.servers)
    return NOT_CONCERNED if is_seen else NOT_USED


def _targets(condition: Condition | None, *, look: Look) -> list[str]:
    """Return where it shows that a condition failed, which found nothing anywhere."""
    if condition and condition.scope is Scope.SERVER:
        return [server.place for server in look.servers if not server.is_set]
    return [""]


def _unseen_places(look: Look) -> frozenset[str]:
    """Return the servers that are in use and were not looked at: what is not known is not over."""
    in_use = set(RedisServer.objects.filter(is_in_use=True).values_list("place", flat=True))
    return frozenset(in_use - {server.place for server in look.servers})
