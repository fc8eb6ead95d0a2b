"""Judging: states in rows, their history, and what people are told."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.operations.models import Alert, AlertEvent, AlertRule, Channel, Delivery, Message, RedisServer, Severity
from portal.operations.watching.alerts import acting, writing
from portal.operations.watching.alerts.conditions import CONDITIONS
from portal.operations.watching.alerts.conditions.condition import Facts, Finding
from portal.operations.watching.alerts.judgements import Judgement
from portal.operations.watching.alerts.judging import NotWritten, forget, judge
from portal.operations.watching.alerts.writing import note_state
from tests.portal.operations.watching.alerts.made import (
    MB,
    NOW,
    PLACE,
    WELL,
    after,
    at_share,
    judged,
    look,
    reading,
    rule,
    server,
    silent,
    subjects,
)

pytestmark = pytest.mark.django_db
FILLING = f"Redis {PLACE} is filling up"
DOWN = f"Redis {PLACE} does not answer"


def alert(**which: object) -> Alert:
    return Alert.objects.get(**which)


def history() -> list[str]:
    return list(AlertEvent.objects.order_by("pk").values_list("what", flat=True))


# States


def test_an_alert_is_told_once_when_it_starts_and_once_when_it_ends() -> None:
    rule(for_seconds=30, recover_seconds=30)
    for number, percent in enumerate((50, 95, 95, 95, 95, 50, 50, 50, 50)):
        judged(at_share(percent), at=15 * number)
    assert subjects() == [f"CRITICAL: {FILLING}", f"Over: {FILLING}"]
    assert history() == ["pending", "firing", "recovering", "normal"]


def test_a_rule_without_a_duration_is_told_at_the_first_look() -> None:
    rule("down")
    assert judged(silent()).told == 1
    assert subjects() == [f"CRITICAL: {DOWN}"]


def test_between_the_two_marks_it_goes_on() -> None:
    rule(recover_at=85)
    for number, percent in enumerate((95, 88, 91, 86, 84)):
        judged(at_share(percent), at=15 * number)
    assert subjects() == [f"CRITICAL: {FILLING}", f"Over: {FILLING}"]


def test_a_server_that_does_not_answer_ends_nothing() -> None:
    rule()
    judged(at_share(95))
    judged(silent(), at=15)
    row = alert()
    assert (row.state, row.is_active, row.value) == ("no data", True, None)
    assert subjects() == [f"CRITICAL: {FILLING}"]


def test_memory_that_fills_again_after_a_restart_is_no_recovery() -> None:
    rule()
    judged(at_share(95))
    judged(server(used_memory_bytes=1, is_loading=True), at=15)
    assert (alert().state, alert().is_active) == ("no data", True)


def test_each_server_has_an_alert_of_its_own() -> None:
    rule()
    judged(at_share(95, "a:1"), at_share(50, "b:1"))
    assert dict(Alert.objects.values_list("target", "state")) == {"a:1": "firing", "b:1": "normal"}


def test_a_place_that_is_very_long_fits() -> None:
    rule("down")
    judged(silent("h" * 300))
    judged(silent("h" * 300), at=15)
    assert alert().target == "h" * 200
    assert len(subjects()) == 1


def test_a_rule_that_was_edited_holds_from_the_next_pass() -> None:
    edited = rule()
    judged(at_share(80))
    AlertRule.objects.filter(pk=edited.pk).update(threshold=75)
    judged(at_share(80), at=15)
    assert alert().state == "firing"


def test_what_is_seen_is_shown_while_nothing_else_changes() -> None:
    rule()
    judged(at_share(50))
    judged(at_share(60), at=15)
    row = alert()
    assert (row.value, row.judged_at, row.since, row.turn) == (60.0, after(15), NOW, 0)


def test_a_condition_that_fails_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail(facts: Facts) -> Iterable[Finding]:
        raise KeyError("surprise")

    rule("latency")
    rule("memory_share")
    conditions = {**CONDITIONS, "latency": replace(CONDITIONS["latency"], find=fail)}
    with caplog.at_level(logging.CRITICAL):
        judge(look(at_share(95)), now=NOW, conditions=conditions)
    assert alert(rule__condition="latency").state == "error"
    assert alert(rule__condition="memory_share").state == "firing"


def test_a_rule_whose_condition_is_unknown_is_an_error() -> None:
    rule("no such thing")
    judged(server())
    assert (alert().target, alert().state) == ("", "error")


def test_what_an_alert_says_of_a_failure_is_printable() -> None:
    rule("down")
    judged(replace(silent(), failure="\x1b[31m no"))
    assert alert().words == r"It \x1b[31m no."


def test_a_pass_without_changes_needs_few_queries() -> None:
    for number in range(25):
        rule(name=f"Test {number}")
    servers = [at_share(50, f"{number}:1") for number in range(6)]
    judged(*servers)
    with CaptureQueriesContext(connection) as queries:
        judged(*[at_share(51, f"{number}:1") for number in range(6)], at=15)
    assert Alert.objects.filter(value=51).count() == 150
    assert len(queries) < 20


# Messages


def test_a_message_says_what_where_since_when_and_what_to_do() -> None:
    rule(recover_at=85)
    judged(at_share(95))
    body = Message.objects.get().body
    assert "95.0 % of maxmemory" in body
    assert "it fires above 90 %, is over at 85 % or less; it is at 95 % now." in body
    assert "Since 2026-11-29 12:00:00 UTC" in body
    assert "What it means: " in body
    assert "What to do: " in body
    assert f"/admin/operations/alert/{alert().pk}/change/" in body


def test_a_message_waits_for_each_channel_in_the_database() -> None:
    channel = Channel.objects.create(name="Mail", address="ops@example.org")
    rule("down")
    judged(silent())
    delivery = Delivery.objects.get()
    assert (delivery.channel, delivery.state, delivery.message.severity) == (channel, "waiting", Severity.CRITICAL)


def test_it_is_told_again_as_often_as_the_rule_says() -> None:
    rule("down", repeat_minutes=10)
    for minutes in (0, 5, 10, 15, 20):
        judged(silent(), at=60 * minutes)
    assert subjects() == [f"CRITICAL: {DOWN}", *[f"Still CRITICAL: {DOWN}"] * 2]


def test_what_cannot_be_judged_for_five_minutes_is_told_and_so_is_its_end() -> None:
    rule()
    unknown = server(maxmemory_bytes=0, host_memory_bytes=None)
    judged(unknown)
    judged(unknown, at=299)
    assert subjects() == []
    judged(unknown, at=300)
    judged(at_share(50), at=315)
    told = f"“Test memory_share” cannot be judged at {PLACE}"
    assert subjects() == [f"WARNING: {told}", f"Over: {told}"]


def test_nobody_is_told_that_a_silent_server_cannot_be_judged() -> None:
    rule()
    judged(silent())
    judged(silent(), at=600)
    assert subjects() == []


def test_an_alert_that_begins_where_nobody_could_judge_is_told() -> None:
    rule()
    for seconds in (0, 300):
        judged(server(maxmemory_bytes=0, host_memory_bytes=None), at=seconds)
    judged(at_share(95), at=315)
    assert subjects()[1:] == [f"CRITICAL: {FILLING}"]


# Mutes


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


# Acknowledging


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


# What nobody judges any more


def test_a_rule_that_is_switched_off_ends_its_alerts_and_says_so() -> None:
    off = rule()
    judged(at_share(95))
    AlertRule.objects.filter(pk=off.pk).update(is_on=False)
    judged(at_share(95), at=15)
    assert subjects()[1:] == [f"Over: {FILLING}"]
    assert "The rule was switched off." in Message.objects.latest("pk").body
    assert not Alert.objects.exists()


def test_a_server_that_is_not_used_any_more_ends_its_alerts() -> None:
    rule("down")
    judged(silent("old:1"), server("new:1"))
    judged(server("new:1"), at=15)
    assert subjects()[1:] == ["Over: Redis old:1 does not answer"]
    assert [row.target for row in Alert.objects.all()] == ["new:1"]


def test_a_server_in_use_that_was_not_looked_at_is_not_over() -> None:
    times = {"first_seen_at": NOW, "looked_at": NOW}
    RedisServer.objects.create(place="old:1", source="redis", **times)
    rule("down")
    judged(silent("old:1"))
    judged(at=15)
    assert (alert().state, alert().is_active) == ("no data", True)
    assert len(subjects()) == 1


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


def test_old_history_and_silences_are_forgotten() -> None:
    acting.silence(rule(), until=after(60), by="jane", now=NOW)
    judged(at_share(95), at=120)
    forget(before=after(100))
    assert history() == ["firing"]
    assert not AlertEvent.objects.filter(what="silenced").exists()


def test_counts_wait_for_a_second_reading_and_a_restart_is_no_burst() -> None:
    rule("evictions", threshold=0)
    judged(replace(server(evicted=1000), before=None))
    assert alert().state == "no data"
    judged(replace(server(), before=reading(evicted=1000), reading=reading(at=after(15), run_id="two")), at=15)
    assert alert().state == "normal"


def test_one_evicted_key_is_told_at_once_and_over_after_five_minutes() -> None:
    rule("evictions", threshold=0, recover_seconds=300)
    judged(replace(server(), before=WELL, reading=reading(at=after(15), evicted=1)), at=15)
    for seconds in range(30, 360, 15):
        judged(server(), at=seconds)
    assert [subject.split(":")[0] for subject in subjects()] == ["CRITICAL", "Over"]
    lasted = AlertEvent.objects.get(what="normal").at - AlertEvent.objects.get(what="firing").at
    assert lasted == timedelta(seconds=315)


def test_what_is_no_number_is_no_data() -> None:
    rule("fragmentation", threshold=1.5)
    judged(server(fragmentation_ratio=float("inf"), fragmentation_bytes=400 * MB))
    assert (alert().state, alert().value) == ("no data", None)


def test_an_alert_that_cannot_be_written_keeps_no_other_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(judgement: Judgement, **named: Any) -> None:
        if judgement.alert.target == "a:1":
            raise KeyError("surprise")
        note_state(judgement, **named)

    rule()
    monkeypatch.setattr(writing, "note_state", fail)
    with pytest.raises(NotWritten, match="1 of 2 alerts"):
        judged(at_share(95, "a:1"), at_share(95, "b:1"))
    assert dict(Alert.objects.values_list("target", "state")) == {"a:1": "normal", "b:1": "firing"}


def test_a_start_that_is_told_late_says_that_it_is_good_again() -> None:
    rule("down", recover_seconds=30)
    rule("restarted", recover_seconds=300)
    judged(silent())
    judged(server(run_id="two"), at=15)
    for seconds in (30, 45):
        judged(server(), at=seconds)
    assert subjects()[1:] == [f"Over: {DOWN}", f"CRITICAL: Redis {PLACE} has restarted"]
    assert (
        "It has been good again since 12:00:30; it is over when it stays so for 300 s."
        in Message.objects.latest("pk").body
    )
