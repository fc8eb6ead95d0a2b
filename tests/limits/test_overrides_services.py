"""Writing overrides: what is refused, what the history keeps, and for how long."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
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


def test_many_are_saved_with_one_revision() -> None:
    revisions = Revision.objects.count()
    rows = [override(f"user={number}") for number in range(3000)]
    assert services.save_overrides(rows, actor=SOMEBODY) == 3000
    assert Override.objects.count() == 3000
    assert Revision.objects.count() == revisions + 1
    assert all(version > 0 for version in versions().values())


def test_of_many_with_a_wrong_one_none_is_saved_and_its_place_is_told() -> None:
    with pytest.raises(ValidationError, match="Number 2"):
        services.save_overrides([override(), override(reason="")], actor=SOMEBODY)
    assert not Override.objects.exists()


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
