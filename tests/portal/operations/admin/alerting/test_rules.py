"""Alert rules in the admin: numbers that make sense, plain errors, and a word about every change."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from portal.operations.admin.spans import in_words, parse_span
from portal.operations.models import Alert, AlertEvent, AlertRule, Severity
from tests.portal.operations.admin.alerting.made import RULES, calm, event, firing, rule
from tests.portal.operations.admin.conftest import logged_in, staff
from tests.portal.operations.admin.doing import breaks_policy, press, text_of, told

pytestmark = pytest.mark.django_db
TYPED = {
    "name": "Memory filling up",
    "is_on": "on",
    "condition": "memory_share",
    "threshold": "75",
    "recover_at": "70",
    "for_seconds": "2 min",
    "recover_seconds": "0",
    "severity": "2",
    "repeat_minutes": "4 h",
    "quiet_from": "",
    "quiet_until": "",
}


@pytest.fixture(autouse=True)
def _no_rules_yet(db: None) -> None:
    AlertRule.objects.all().delete()


def save(client: Client, of: AlertRule | None = None, **typed: Any) -> Any:
    return press(client, f"{RULES}{of.pk}/change/" if of else f"{RULES}add/", **TYPED | typed)


def test_a_rule_is_made_with_spans_in_words(admin: Client) -> None:
    save(admin, for_seconds="1 min 30 s", repeat_minutes="90 min", quiet_from="22:00", quiet_until="07:00")
    made = AlertRule.objects.get()
    assert (made.for_seconds, made.repeat_minutes, made.threshold, made.recover_at) == (90, 90, 75, 70)
    text = text_of(admin.get(RULES))
    for words in ("Memory used", "above 75 %", "1 min 30 s", "Warning", "Nothing to judge yet", "22:00–07:00"):
        assert words in text


def test_what_was_saved_is_shown_as_people_write_it(admin: Client) -> None:
    page = admin.get(f"{RULES}{rule(for_seconds=120, repeat_minutes=240).pk}/change/").content.decode()
    assert 'value="2 min"' in page
    assert 'value="4 h"' in page


@pytest.mark.parametrize(
    ("typed", "field", "complaint"),
    [
        ({"recover_at": "80"}, "recover_at", "It fires above 75 %, so it must recover at or below that."),
        (
            {"condition": "hours_until_full", "threshold": "4", "recover_at": "3"},
            "recover_at",
            "It fires below 4 h, so it must recover at or above that.",
        ),
        ({"threshold": ""}, "threshold", "Say at which value it fires, in %."),
        ({"for_seconds": "2"}, "for_seconds", "Write a number with its unit"),
        ({"for_seconds": "2 fortnights"}, "for_seconds", "“fortnights” is not a unit"),
        ({"for_seconds": "400 days"}, "for_seconds", "This is longer than a year."),
        ({"quiet_from": "22:00"}, "quiet_until", "Give both times of the quiet, or neither."),
        ({"quiet_until": "07:00"}, "quiet_from", "Give both times of the quiet, or neither."),
        ({"quiet_from": "07:00", "quiet_until": "07:00"}, "quiet_until", "The quiet would last no time."),
        ({"condition": "moon_phase"}, "condition", "Select a valid choice"),
    ],
)
def test_what_makes_no_sense_is_refused_beside_its_field(
    admin: Client, typed: dict[str, str], field: str, complaint: str
) -> None:
    answer = save(admin, **typed)
    assert complaint in str(answer.context["adminform"].form.errors[field])
    assert not AlertRule.objects.exists()


def test_a_yes_or_no_condition_needs_no_threshold(admin: Client) -> None:
    save(admin, condition="down", threshold="", recover_at="1")
    made = AlertRule.objects.get()
    assert (made.threshold, made.recover_at) == (0, None)
    assert "when it is so" in text_of(admin.get(RULES))


def test_recovering_below_is_on_the_good_side_of_a_rule_that_fires_below(admin: Client) -> None:
    save(admin, condition="hours_until_full", threshold="4", recover_at="6")
    assert AlertRule.objects.get().recover_at == 6


def test_a_new_rule_comes_with_spans_that_spare_people_what_comes_and_goes(admin: Client) -> None:
    page = admin.get(f"{RULES}add/").content.decode()
    for name, typed in (("for_seconds", "1 min"), ("recover_seconds", "1 min"), ("repeat_minutes", "4 h")):
        assert f'name="{name}" value="{typed}"' in page


def test_without_a_script_the_help_of_every_condition_is_there(admin: Client) -> None:
    text = text_of(admin.get(f"{RULES}add/"))
    assert "Memory used: used_memory as a share of maxmemory" in text
    assert "It fires when it is so, and needs no threshold." in text


# What it would say now


def test_a_rule_shows_what_it_says_of_what_was_found_last(admin: Client) -> None:
    of = rule()
    firing(of)
    text = text_of(admin.get(f"{RULES}{of.pk}/change/"))
    assert "It fires above 90 %, over at 85 % or less." in text
    assert "93.2 %" in text
    assert "Would fire" in text


def test_a_rule_that_is_typed_is_tried_and_not_saved(admin: Client) -> None:
    firing(rule(), value=80)
    answer = save(admin, _try="1", threshold="79")
    text = text_of(answer)
    assert "nothing is saved yet" in text
    assert "Would fire, once it held for 2 min" in text
    assert AlertRule.objects.count() == 1
    assert "Normal" in text_of(save(admin, _try="1", threshold="81")).partition("nothing is saved yet")[2]


def test_what_is_wrong_is_told_by_a_trial_too(admin: Client) -> None:
    of = rule()
    text = text_of(save(admin, of, _try="1", recover_at="99"))
    assert "it must recover at or below that" in text
    of.refresh_from_db()
    assert of.recover_at == 85


def test_without_data_a_trial_says_so(admin: Client) -> None:
    calm(rule(), state=Alert.State.NO_DATA, words="It does not answer.")
    assert "No data" in text_of(save(admin, _try="1")).partition("nothing is saved yet")[2]
    assert "nothing is known" in text_of(save(admin, _try="1", condition="latency"))


# Who changed what


def test_a_change_is_told_with_what_was_and_what_is(admin: Client) -> None:
    of = rule(TYPED["name"], for_seconds=120, threshold=75, recover_at=70, repeat_minutes=240)
    save(admin, of, severity="3", for_seconds="5 min", threshold="80")
    words = "Fires at: 75 → 80; When it held for: 2 min → 5 min"
    assert LogEntry.objects.get().get_change_message() == f"{words}."
    noted = AlertEvent.objects.get()
    assert (noted.what, noted.words, noted.by) == ("rule changed", words, "chief")


def test_saving_without_a_change_notes_nothing(admin: Client) -> None:
    of = rule(TYPED["name"], for_seconds=120, threshold=75, recover_at=70, severity=Severity.WARNING)
    save(admin, of)
    assert not AlertEvent.objects.exists()


def test_rules_are_switched_off_and_on_together(admin: Client) -> None:
    first, second = rule("One"), rule("Two", is_on=False)
    answer = press(admin, RULES, action="switch_off", _selected_action=[first.pk, second.pk])
    assert "Switched off: One." in told(answer)
    first.refresh_from_db()
    assert not first.is_on
    assert AlertEvent.objects.get().words == "Switched off"
    press(admin, RULES, action="switch_on", _selected_action=[first.pk, second.pk])
    assert AlertRule.objects.filter(is_on=True).count() == 2


def test_a_rule_is_deleted_after_asking_and_its_history_stays(admin: Client) -> None:
    of = rule()
    firing(of)
    event(of, "firing", minutes_ago=10)
    assert "Are you sure" in text_of(admin.get(f"{RULES}{of.pk}/delete/"))
    press(admin, f"{RULES}{of.pk}/delete/", post="yes")
    assert not AlertRule.objects.exists()
    assert not Alert.objects.exists()
    assert AlertEvent.objects.filter(rule_name=of.name, what="firing").exists()


# Who may


def test_whoever_may_only_look_changes_nothing() -> None:
    of = rule()
    viewer = logged_in(staff("looker", "view_alertrule"))
    assert "above 90 %" in text_of(viewer.get(RULES))
    assert viewer.get(f"{RULES}{of.pk}/change/").status_code == 200
    for typed in ({}, {"_try": "1"}):
        assert viewer.post(f"{RULES}{of.pk}/change/", TYPED | typed).status_code == 403
    press(viewer, RULES, action="switch_off", _selected_action=[of.pk])
    of.refresh_from_db()
    assert of.is_on
    assert "What would it say now?" not in text_of(viewer.get(f"{RULES}{of.pk}/change/"))


def test_no_page_needs_what_the_policy_forbids(admin: Client) -> None:
    of = rule()
    for path in (RULES, f"{RULES}add/", f"{RULES}{of.pk}/change/"):
        assert not breaks_policy(admin.get(path)), path


# Spans


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30 s", 30), ("2min", 120), ("1 h 30 min", 5400), ("1 day, 2 hours", 93_600), ("0", 0), ("At once", 0)],
)
def test_spans_are_read(text: str, seconds: int) -> None:
    assert parse_span(text) == seconds


@pytest.mark.parametrize("seconds", [1, 59, 60, 61, 3600, 86_400, 2 * 86_400 + 3_661])
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert parse_span(in_words(seconds)) == seconds
