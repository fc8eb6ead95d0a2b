"""Judging: states in rows, and their history."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.operations.models import Alert, AlertEvent, AlertRule, Message, RedisServer
from portal.operations.watching.alerts import acting, writing
from portal.operations.watching.alerts.conditions import CONDITIONS
from portal.operations.watching.alerts.conditions.condition import Facts, Finding
from portal.operations.watching.alerts.judgements import Judgement
from portal.operations.watching.alerts.judging import NotWritten, forget, judge
from portal.operations.watching.alerts.writing import note_state
from tests.portal.operations.watching.alerts.made import (
    DOWN,
    FILLING,
    MB,
    NOW,
    after,
    alert,
    at_share,
    history,
    judged,
    look,
    reading,
    rule,
    server,
    silent,
    subjects,
)

pytestmark = pytest.mark.django_db


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


def test_old_history_and_silences_are_forgotten() -> None:
    acting.silence(rule(), until=after(60), by="jane", now=NOW)
    judged(at_share(95), at=120)
    forget(before=after(100))
    assert history() == ["firing"]
    assert not AlertEvent.objects.filter(what="silenced").exists()


def test_of_a_flood_of_events_the_last_are_kept() -> None:
    rule()
    for number in range(6):
        judged(at_share(95 if number % 2 else 5), at=15 * number)
    kept = history()[-2:]
    forget(before=NOW - timedelta(days=1), events_max=2)
    assert history() == kept


def test_counts_wait_for_a_second_reading_and_a_restart_is_no_burst() -> None:
    rule("evictions", threshold=0)
    judged(replace(server(evicted=1000), before=None))
    assert alert().state == "no data"
    judged(replace(server(), before=reading(evicted=1000), reading=reading(at=after(15), run_id="two")), at=15)
    assert alert().state == "normal"


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
