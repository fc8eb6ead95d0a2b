"""Writing overrides: what is refused, what the history keeps, and for how long."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from limits import services, tasks
from limits.core.overrides import Effect, OverrideError
from limits.core.rates import Rate
from limits.exceptions import OverrideConflict
from limits.models import Override, OverridePart, Policy, Revision
from tests.limits.overriding import SOMEBODY, override, saved

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
COMMITTED = pytest.mark.django_db(transaction=True, serialized_rollback=True)
FAR = datetime(2099, 12, 3, tzinfo=UTC)


def versions() -> dict[int, int]:
    return dict(OverridePart.objects.values_list("number", "version"))


def grown(before: dict[int, int]) -> set[int]:
    return {number for number, version in versions().items() if version > before[number]}


def test_a_save_lets_the_version_of_its_part_grow_and_of_no_other() -> None:
    before = versions()
    made = saved()
    assert grown(before) == {made.part}


def test_every_write_is_told_by_a_revision() -> None:
    made = saved()
    made.reason = "another"
    services.save_override(made, actor=SOMEBODY)
    services.end_overrides(Override.objects.all(), actor=SOMEBODY)
    services.delete_override(made, actor=SOMEBODY)
    told = Revision.objects.filter(subject=made.subject)
    assert [(bool(revision.before), bool(revision.after)) for revision in told] == [
        (True, False),
        (True, True),
        (True, True),
        (False, True),
    ]
    assert {revision.actor_name for revision in told} == {"somebody"}


def test_an_edit_that_changes_nothing_leaves_no_trace() -> None:
    made = saved()
    before = versions()
    services.save_override(made, actor=SOMEBODY)
    assert (grown(before), Revision.objects.filter(subject=made.subject).count()) == (set(), 1)


def test_whoever_saves_second_is_told() -> None:
    mine = saved()
    theirs = Override.objects.get()
    theirs.reason = "theirs"
    services.save_override(theirs, actor=SOMEBODY)
    mine.reason = "mine"
    with pytest.raises(OverrideConflict):
        services.save_override(mine, actor=SOMEBODY)
    assert Override.objects.get().reason == "theirs"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"effect": "spared"}, "effect"),
        ({"effect": Effect.RATES.value}, "rates"),
        ({"rates": (Rate(5, 60),)}, "rates"),
        ({"effect": Effect.RATES.value, "rates": (Rate(5, 60, 20),), "policy": "login"}, "rates"),
        ({"policy": "nobody-made-it"}, "policy"),
        ({"until": timezone.now() - 400 * DAY}, "until"),
    ],
)
def test_what_is_wrong_is_told_and_not_saved(changes: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError) as told:
        saved(**changes)
    assert field in told.value.message_dict
    assert not Override.objects.exists()


def test_a_burst_is_taken_for_a_token_bucket() -> None:
    Policy.objects.filter(slug="login").update(algorithm="token-bucket")
    made = saved(effect=Effect.RATES.value, rates=(Rate(5, 60, 20),), policy="login")
    assert Override.objects.get(pk=made.pk).rates == (Rate(5, 60, 20),)


@pytest.mark.parametrize("until", [None, timezone.now() + 40 * DAY])
def test_an_address_is_kept_no_longer_than_the_setting_says(until: object) -> None:
    with pytest.raises(ValidationError):
        saved("203.0.113.9", until=until)
    assert saved("203.0.113.9/32", until=until).pk


def test_the_setting_says_how_long_an_address_is_kept(settings: Settings) -> None:
    settings.LIMITS_ADDRESS_DAYS = 2
    with pytest.raises(ValidationError):
        saved("203.0.113.9", until=timezone.now() + 3 * DAY)


def test_ended_ones_are_forgotten_and_the_others_stay() -> None:
    ended, stays = saved("203.0.113.9", until=timezone.now() + DAY), saved(until=None)
    before = versions()
    assert services.forget_ended_overrides(actor=SOMEBODY, at=timezone.now() + 2 * DAY) == 1
    assert list(Override.objects.all()) == [stays]
    assert grown(before) == {ended.part}


def test_what_the_history_tells_of_an_address_is_blanked_in_time() -> None:
    saved("203.0.113.9", reason="for 203.0.113.9")
    saved("198.51.100.0/24")
    services.forget_ended_overrides(actor=SOMEBODY, at=timezone.now() + 29 * DAY)
    assert Revision.objects.filter(subject="203.0.113.9").count() == 1
    services.forget_ended_overrides(actor=SOMEBODY, at=timezone.now() + 31 * DAY)
    for revision in Revision.objects.all():
        assert "203.0.113.9" not in f"{revision.subject} {revision.reason} {revision.before} {revision.after}"
    assert Revision.objects.filter(subject="198.51.100.0/24").count() == 1


def test_the_text_of_an_override_that_logs_keep_names_no_address() -> None:
    assert "203.0.113.9" not in str(saved("203.0.113.9"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Exempt 198.51.100.0/24 from all policies until 3 Dec 2099"),
        ({"effect": Effect.DENIED.value, "policy": "login"}, "Deny 198.51.100.0/24 under login until 3 Dec 2099"),
        (
            {"effect": Effect.RATES.value, "rates": (Rate(600, 60),), "policy": "login"},
            "Give 198.51.100.0/24 600 per minute under login until 3 Dec 2099",
        ),
        ({"until": None}, "Exempt 198.51.100.0/24 from all policies"),
        ({"until": FAR + timedelta(hours=18)}, "Exempt 198.51.100.0/24 from all policies until 3 Dec 2099, 18:00"),
        ({"since": FAR - DAY}, "Exempt 198.51.100.0/24 from all policies, from 2 Dec 2099 until 3 Dec 2099"),
        ({"since": FAR, "until": None}, "Exempt 198.51.100.0/24 from all policies, from 3 Dec 2099 on"),
    ],
)
def test_an_override_says_in_plain_words_what_holds(changes: dict[str, object], words: str) -> None:
    assert str(override(**{"until": FAR} | changes)) == words


def test_a_subject_that_was_looked_up_is_told_as_people_say_it() -> None:
    made = override("user=17", until=None)
    made.in_words = "User alice"
    assert str(made) == "Exempt user alice from all policies"


def test_a_second_one_for_the_same_at_the_same_time_is_refused() -> None:
    saved()
    with pytest.raises(ValidationError, match="one already"):
        saved(effect=Effect.DENIED.value)
    now = timezone.now()
    saved(since=now + DAY, until=now + 2 * DAY)
    saved(policy="login")
    saved("198.51.0.0/16")
    assert Override.objects.count() == 4


def test_an_edit_may_not_reach_into_the_time_of_another_one() -> None:
    saved()
    later = saved(since=timezone.now() + 2 * DAY, until=None)
    later.since = timezone.now()
    with pytest.raises(ValidationError, match="one already"):
        services.save_override(later, actor=SOMEBODY)


def test_one_that_has_ended_is_in_nobodys_way() -> None:
    now = timezone.now()
    ended = saved(since=now - 2 * DAY, until=now - DAY)
    saved(since=now - 2 * DAY)
    ended.reason = "another"
    services.save_override(ended, actor=SOMEBODY)


@COMMITTED
def test_of_several_who_make_the_same_at_once_one_makes_it() -> None:
    def make(number: int) -> bool:
        try:
            saved("198.51.100.0/24", reason=f"by {number}")
        except ValidationError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(make, range(4))) == 1
    assert Override.objects.count() == 1


def test_an_edit_that_changes_nothing_leaves_no_trace_in_another_time_zone() -> None:
    made = saved()
    before = versions()
    made.since = made.since.astimezone(ZoneInfo("Asia/Tokyo"))
    services.save_override(made, actor=SOMEBODY)
    assert grown(before) == set()


def test_ending_leaves_what_had_ended_before_alone() -> None:
    saved()
    assert len(services.end_overrides(Override.objects.all(), actor=SOMEBODY)) == 1
    assert services.end_overrides(Override.objects.all(), actor=SOMEBODY) == []


def test_a_version_is_never_one_that_a_restored_database_had_before() -> None:
    made = saved()
    version = versions()[made.part]
    OverridePart.objects.filter(number=made.part).update(version=5)
    made.reason = "after the restore"
    services.save_override(made, actor=SOMEBODY)
    assert versions()[made.part] >= version


def test_what_is_no_subject_cannot_be_placed() -> None:
    with pytest.raises(OverrideError):
        override("nowhere")


def test_the_task_forgets_what_has_ended() -> None:
    now = timezone.now()
    saved(since=now - 2 * DAY, until=now - DAY)
    tasks.forget_ended_overrides()
    assert not Override.objects.exists()
    assert Revision.objects.latest("pk").reason == "They ended."
