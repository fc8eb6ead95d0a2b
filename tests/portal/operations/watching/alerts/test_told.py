"""What people are told of alerts, and when."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal.operations.models import AlertEvent, Channel, Delivery, Message, Severity
from tests.portal.operations.watching.alerts.made import (
    DOWN,
    FILLING,
    PLACE,
    WELL,
    after,
    alert,
    at_share,
    judged,
    reading,
    rule,
    server,
    silent,
    subjects,
)

pytestmark = pytest.mark.django_db


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


def test_one_evicted_key_is_told_at_once_and_over_after_five_minutes() -> None:
    rule("evictions", threshold=0, recover_seconds=300)
    judged(replace(server(), before=WELL, reading=reading(at=after(15), evicted=1)), at=15)
    for seconds in range(30, 360, 15):
        judged(server(), at=seconds)
    assert [subject.split(":")[0] for subject in subjects()] == ["CRITICAL", "Over"]
    lasted = AlertEvent.objects.get(what="normal").at - AlertEvent.objects.get(what="firing").at
    assert lasted == timedelta(seconds=315)


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
