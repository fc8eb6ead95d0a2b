"""What keeps people from being told: a server that is down, a graver rule, silences, quiet hours, acknowledgements."""

from datetime import time
from typing import Any

import pytest

from portal.operations.models import Alert, AlertRule, Severity
from portal.operations.watching.alerts import acting
from portal.operations.watching.alerts.conditions import limiting
from portal.operations.watching.alerts.conditions.condition import Found
from tests.portal.operations.watching.alerts.made import (
    DOWN,
    FILLING,
    NOW,
    PLACE,
    after,
    alert,
    at_share,
    history,
    judged,
    rule,
    server,
    silent,
    subjects,
)

pytestmark = pytest.mark.django_db


def test_down_silences_the_rest_of_the_server_and_no_other() -> None:
    rule("down")
    rule("memory_share", repeat_minutes=1)
    judged(at_share(95, "a:1"), at_share(50, "b:1"))
    judged(silent("a:1"), at_share(95, "b:1"), at=60)
    judged(silent("a:1"), at_share(95, "b:1"), at=120)
    assert subjects() == [
        "CRITICAL: Redis a:1 is filling up",
        "CRITICAL: Redis a:1 does not answer",
        "CRITICAL: Redis b:1 is filling up",
        "Still CRITICAL: Redis b:1 is filling up",
    ]


def test_what_began_and_ended_while_the_server_came_back_is_not_told() -> None:
    rule("down", recover_seconds=30)
    rule("memory_share")
    judged(silent())
    judged(at_share(95), at=15)
    judged(at_share(50), at=30)
    judged(at_share(50), at=45)
    assert subjects() == [f"CRITICAL: {DOWN}", f"Over: {DOWN}"]


def test_what_still_holds_once_the_server_is_back_is_told() -> None:
    rule("down", recover_seconds=30)
    rule("memory_share")
    judged(silent())
    judged(at_share(95), at=15)
    judged(at_share(95), at=45)
    assert subjects()[1:] == [f"Over: {DOWN}", f"CRITICAL: {FILLING}"]


def test_a_degraded_limiter_is_silenced_by_its_server_s_being_down() -> None:
    rule("down")
    rule("limiter_degraded")
    judged(silent())
    assert alert(rule__condition="limiter_degraded").is_active
    assert subjects() == [f"CRITICAL: {DOWN}"]


def degraded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let counting fail, and have a rule for that and one for servers that are down."""
    rule("limiter_degraded", threshold=0)
    rule("down", threshold=0)
    monkeypatch.setattr(limiting, "_tried", lambda: Found(1.0, "Counting was tried and failed."))


def test_a_replica_that_is_down_explains_no_failure_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    degraded(monkeypatch)
    judged(server("primary:1"), silent("replica:1"))
    assert sorted(subjects()) == ["CRITICAL: Rate limits may not hold", "CRITICAL: Redis replica:1 does not answer"]


def test_what_nobody_is_told_of_a_server_explains_no_failure_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    degraded(monkeypatch)
    AlertRule.objects.filter(condition="down").update(is_on=False)
    judged(silent())
    assert subjects() == ["CRITICAL: Rate limits may not hold"]


def test_the_more_severe_of_two_rules_speaks() -> None:
    rule(name="Test warning", threshold=75, severity=Severity.WARNING)
    rule(name="Test critical", threshold=90)
    for number, percent in enumerate((95, 80, 50)):
        judged(at_share(percent), at=15 * number)
    assert subjects() == [
        f"CRITICAL: {FILLING}",
        f"Over: {FILLING}",
        f"WARNING: {FILLING}",
        f"Over: {FILLING}",
    ]


def test_a_silence_holds_start_and_end_back() -> None:
    filling = rule()
    acting.silence(filling, target=PLACE, until=after(60), by="jane", now=NOW)
    judged(at_share(95))
    judged(at_share(95, "b:1"), at=15)
    judged(at_share(95), at=61)
    acting.silence(None, until=after(120), by="jane", now=after(70))
    judged(at_share(50), at=75)
    assert subjects()[0] == "CRITICAL: Redis b:1 is filling up"
    assert f"CRITICAL: {FILLING}" in subjects()
    assert f"Over: {FILLING}" not in subjects()
    judged(at_share(50), at=121)
    assert subjects()[-1] == f"Over: {FILLING}"


def test_what_began_and_ended_in_silence_was_never_told() -> None:
    acting.silence(rule(), until=after(60), by="jane", now=NOW)
    judged(at_share(95))
    judged(at_share(50), at=15)
    judged(at_share(50), at=75)
    assert subjects() == []
    assert alert().began_at is None


def test_quiet_hours_are_those_of_the_site_s_time_zone(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Vienna"
    rule(quiet_from=time(12, 30), quiet_until=time(13, 30))
    judged(at_share(95))
    assert subjects() == []
    judged(at_share(95), at=30 * 60)
    assert subjects() == [f"CRITICAL: {FILLING}"]


def test_an_acknowledgement_stops_repeats_and_not_the_end() -> None:
    rule(repeat_minutes=1)
    judged(at_share(95))
    assert acting.acknowledge(alert(), by="jane", now=after(1))
    judged(at_share(95), at=120)
    judged(at_share(50), at=135)
    assert subjects() == [f"CRITICAL: {FILLING}", f"Over: {FILLING}"]
    row = alert()
    assert (row.acknowledged_by, row.acknowledged_at, row.told_at) == ("", None, None)
    assert history() == ["firing", "acknowledged", "normal"]


def test_an_acknowledgement_ends_when_the_rule_becomes_more_severe() -> None:
    edited = rule(severity=Severity.WARNING, repeat_minutes=1)
    judged(at_share(95))
    acting.acknowledge(alert(), by="jane", now=after(1))
    AlertRule.objects.filter(pk=edited.pk).update(severity=Severity.CRITICAL)
    judged(at_share(95), at=60)
    assert subjects()[1:] == [f"Still CRITICAL: {FILLING}"]


def test_an_end_that_is_silenced_waits_although_its_rule_is_off() -> None:
    off = rule()
    judged(at_share(95))
    acting.silence(off, until=after(60), by="jane", now=after(1))
    AlertRule.objects.filter(pk=off.pk).update(is_on=False)
    judged(at_share(95), at=15)
    judged(at_share(95), at=30)
    assert len(subjects()) == 1
    judged(at_share(95), at=61)
    assert subjects()[1:] == [f"Over: {FILLING}"]
    assert not Alert.objects.exists()
