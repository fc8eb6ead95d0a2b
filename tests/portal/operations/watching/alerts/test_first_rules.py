"""The rules that a new site begins with."""

import pytest

from portal.operations.models import Alert, AlertRule, Heartbeat, Severity
from portal.operations.watching.alerts.conditions import CONDITIONS
from portal.operations.watching.alerts.conditions.condition import Condition
from tests.portal.operations.watching.alerts.made import after, judged, server, silent, subjects

pytestmark = pytest.mark.django_db
AT_ONCE = ("down", "evictions", "refused_writes", "missing_rights")


def conditions() -> dict[str, Condition]:
    return {rule.name: CONDITIONS[rule.condition] for rule in AlertRule.objects.all()}


def test_every_condition_has_a_rule_that_is_on() -> None:
    assert set(AlertRule.objects.filter(is_on=True).values_list("condition", flat=True)) == set(CONDITIONS)


def test_what_fires_is_beyond_what_it_recovers_at() -> None:
    known = conditions()
    for rule in AlertRule.objects.exclude(recover_at=None):
        assert known[rule.name].is_bad(rule.threshold, threshold=rule.recover_at or 0), rule.name


@pytest.mark.parametrize("condition", AT_ONCE)
def test_what_is_grave_is_told_at_once(condition: str) -> None:
    assert AlertRule.objects.get(condition=condition).for_seconds == 0


def test_memory_warns_before_it_alarms() -> None:
    rules = AlertRule.objects.filter(condition="memory_share").order_by("threshold")
    assert [(rule.threshold, rule.recover_at, rule.for_seconds, rule.severity) for rule in rules] == [
        (75, 70, 120, Severity.WARNING),
        (90, 85, 120, Severity.CRITICAL),
    ]


def test_a_server_that_is_well_is_told_of_by_nobody_and_one_that_is_not_once() -> None:
    for seconds in (0, 15, 400):
        Heartbeat.objects.update_or_create(name="worker@here", defaults={"at": after(seconds)})
        AlertRule.objects.filter(condition__in=("limiter_degraded", "policies_out_of_step", "beat_silent")).delete()
        judged(server(), at=seconds)
    assert not Alert.objects.exclude(state="normal").exists()
    judged(silent(), at=415)
    assert subjects() == ["CRITICAL: Redis 10.0.0.1:6379 does not answer"]


def test_a_fresh_site_has_a_day_for_its_first_backup() -> None:
    judged(server())
    assert not Alert.objects.filter(rule__condition="backup_age").exclude(state="normal").exists()
