"""What people do about alerts, and what the history keeps of it."""

import pytest

from portal.operations.models import Alert, AlertEvent, AlertRule, Message, Severity, Silence
from portal.operations.watching.alerts import acting
from tests.portal.operations.watching.alerts.made import NOW, PLACE, after, at_share, judged, rule, subjects

pytestmark = pytest.mark.django_db


def last_event() -> tuple[str, str, str, str, str]:
    event = AlertEvent.objects.latest("pk")
    return event.what, event.rule_name, event.target, event.words, event.by


def test_what_is_under_way_can_be_acknowledged() -> None:
    rule()
    judged(at_share(95))
    assert acting.acknowledge(Alert.objects.get(), by="jane", now=after(1))
    row = Alert.objects.get()
    assert (row.acknowledged_by, row.acknowledged_at, row.acknowledged_severity) == (
        "jane",
        after(1),
        Severity.CRITICAL,
    )
    assert last_event() == ("acknowledged", "Test memory_share", PLACE, "", "jane")


def test_what_is_normal_cannot() -> None:
    rule()
    judged(at_share(50))
    assert not acting.acknowledge(Alert.objects.get(), by="jane", now=after(1))
    assert not AlertEvent.objects.exists()


def test_a_silence_of_one_rule_or_of_all() -> None:
    acting.silence(rule(), target=PLACE, until=after(60), reason="moving", by="jane", now=NOW)
    assert last_event() == ("silenced", "Test memory_share", PLACE, "moving", "jane")
    acting.silence(None, until=after(60), by="jane", now=NOW)
    assert last_event() == ("silenced", "every rule", "", "", "jane")


def test_a_silence_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="ends after it begins"):
        acting.silence(None, until=NOW, by="jane", now=NOW)
    assert not Silence.objects.exists()


def test_a_silence_is_ended_once() -> None:
    silence = acting.silence(None, until=after(60), by="jane", now=NOW)
    assert acting.end_silence(silence, by="joe", now=after(30))
    assert not acting.end_silence(silence, by="joe", now=after(31))
    assert Silence.objects.get().until == after(30)
    assert last_event() == ("silence ended", "every rule", "", "", "joe")


def test_a_rule_that_is_deleted_ends_what_people_were_told_of() -> None:
    deleted = rule()
    judged(at_share(95, "a:1"), at_share(50, "b:1"))
    acting.delete_rule(deleted, by="jane", now=after(1))
    assert subjects() == ["CRITICAL: Redis a:1 is filling up", "Over: Redis a:1 is filling up"]
    assert "The rule was deleted." in Message.objects.latest("pk").body
    assert not AlertRule.objects.filter(name="Test memory_share").exists()
    assert list(AlertEvent.objects.order_by("pk").values_list("what", flat=True)) == [
        "firing",
        "normal",
        "rule deleted",
    ]


def test_a_changed_rule_leaves_a_line() -> None:
    acting.note_rule_changed(rule(), words="fires at 90 → 80", by="jane", now=NOW)
    assert last_event() == ("rule changed", "Test memory_share", "", "fires at 90 → 80", "jane")
