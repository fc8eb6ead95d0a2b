"""An export brought back: into a lost database, into one that differs, twice, and not at all when it is damaged."""

import io
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.contrib.auth.models import Group
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from limits import services, sync, views_in_code
from limits.core.export import ExportError
from limits.core.overrides import Effect
from limits.core.rates import Rate
from limits.in_force import policies_in_force
from limits.models import Override, Policy, Revision
from limits.overrides_in_force import overrides_in_force
from limits.services.bringing_back import LeftOut
from limits.services.overrides import ADDRESS_OVERRIDE, TOLD_ONE_BY_ONE_MAX
from portal.accounts.models import User
from tests.limits.overriding import SOMEBODY, saved

from .exporting import (
    DAY,
    OPERATOR,
    brought_back,
    everything,
    exported,
    fill,
    history,
    lose_everything,
    override_rows,
    overrides,
    plain,
    policies,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_policy_in_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every policy be deleted."""
    monkeypatch.setattr(views_in_code, "slugs_in_use", lambda: frozenset())


def edit_login(*rates: Rate) -> None:
    policy = Policy.objects.get(slug="login")
    policy.rates = rates
    services.save_policy(policy, actor=SOMEBODY)


# Into a lost database


def test_all_that_was_lost_comes_back_as_it_was() -> None:
    fill()
    before, document = everything(), exported()
    lose_everything()
    done = brought_back(document)
    assert (policies(), overrides()) == before[:2]
    assert history()[: len(before[2])] == before[2]
    assert len(done.policies.made) == len(before[0])
    assert len(done.overrides.made) == len(before[1])
    assert (done.revisions, done.left_out) == (len(before[2]), ())


def test_what_was_brought_back_exports_as_it_was() -> None:
    fill()
    document = exported()
    lose_everything()
    brought_back(document)
    assert brought_back(exported(), exact=True).changes_nothing


def test_bringing_back_is_told_by_revisions_of_its_own() -> None:
    fill()
    number, document = Revision.objects.count(), exported()
    lose_everything()
    brought_back(document)
    own = Revision.objects.order_by("pk")[number:]
    assert len(own) == Policy.objects.count() + Override.objects.count()
    assert {(revision.actor_name, revision.origin) for revision in own} == {(OPERATOR.name, OPERATOR.origin)}
    assert all(revision.reason.startswith("Brought back from the export of 20") for revision in own)


@pytest.mark.parametrize("chosen", [{}, {"exact": True}])
def test_twice_changes_nothing_the_second_time(chosen: dict[str, Any]) -> None:
    fill()
    document = exported()
    assert brought_back(document, **chosen).changes_nothing
    lose_everything()
    assert not brought_back(document, **chosen).changes_nothing
    before = everything()
    assert brought_back(document, **chosen).changes_nothing
    assert everything() == before


def test_into_a_database_that_was_just_installed_it_comes_before_what_is_there() -> None:
    fill()
    before, document = history(), exported()
    lose_everything()
    services.save_policy(plain("login"), actor=SOMEBODY)
    newer = history()
    done = brought_back(document)
    assert done.policies.changed == ("login",)
    assert history()[: len(before) + 1] == before + newer
    assert Revision.objects.filter(subject="login").latest("pk").actor_name == OPERATOR.name


def test_numbers_go_on_beyond_all_that_redis_may_have_seen() -> None:
    fill()
    document = exported()
    edit_login(Rate(2, 60))
    seen = Revision.objects.latest("pk").pk
    lose_everything()
    brought_back(document)
    assert Revision.objects.order_by("pk")[0].pk > seen
    latest = Revision.objects.latest("pk").pk
    edit_login(Rate(3, 60))
    assert Revision.objects.latest("pk").pk > latest


def test_a_policy_can_be_undone_to_before_the_loss() -> None:
    edit_login(Rate(2, 60))
    document = exported()
    lose_everything()
    brought_back(document)
    Revision.objects.filter(actor_name=OPERATOR.name).delete()
    undone = services.undone(Policy.objects.get(slug="login"))
    assert undone is not None
    assert undone.rates == (Rate(5, 60),)


# Into one that differs


def test_what_differs_becomes_as_it_was_and_what_is_new_stays() -> None:
    fill()
    before, document = policies(), exported()
    edit_login(Rate(2, 60))
    Policy.objects.filter(slug="register").delete()
    services.save_policy(plain("new"), actor=SOMEBODY)
    number = Revision.objects.count()
    done = brought_back(document)
    assert (done.policies.made, done.policies.changed, done.policies.deleted) == (("register",), ("login",), ())
    assert [row | {"version": 0} for row in policies() if row["slug"] != "new"] == [
        row | {"version": 0} for row in before
    ]
    assert Policy.objects.get(slug="login").version == 4
    assert (done.revisions, Revision.objects.count()) == (0, number + 2)
    revision = Revision.objects.filter(subject="login").latest("pk")
    assert (revision.before["rates"], revision.after["rates"]) == (["2 per minute"], ["5 per minute"])


def test_exactly_as_it_was_means_without_what_is_new() -> None:
    fill()
    document = exported()
    services.save_policy(plain("new"), actor=SOMEBODY)
    saved("192.0.2.0/24")
    done = brought_back(document, exact=True)
    assert done.policies.deleted == ("new",)
    assert [name.split(" until")[0] for name in done.overrides.deleted] == ["Exempt 192.0.2.0/24 from all policies"]
    assert not Override.objects.filter(subject="192.0.2.0/24").exists()
    told = Revision.objects.filter(actor_name=OPERATOR.name).values_list("subject", "after")
    assert sorted(told) == [("192.0.2.0/24", None), ("new", None)]


def test_a_policy_that_code_uses_is_never_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    document = exported()
    services.save_policy(plain("new"), actor=SOMEBODY)
    monkeypatch.setattr(views_in_code, "slugs_in_use", lambda: frozenset({"new"}))
    done = brought_back(document, exact=True)
    assert done.changes_nothing
    assert [left.what for left in done.left_out] == ["new"]
    assert Policy.objects.filter(slug="new").exists()


def test_a_policy_that_cannot_hold_here_is_left_out_and_the_others_come_back() -> None:
    policy = plain("pages")
    policy.view = "catalogue:search"
    Policy.objects.bulk_create([policy])
    Policy.objects.filter(slug="pages").update(view="gone:for-ever")
    document = exported()
    lose_everything()
    done = brought_back(document)
    assert [(left.what, "gone:for-ever" in left.why) for left in done.left_out] == [("pages", True)]
    assert Policy.objects.count() == len(done.policies.made) == 5


def test_an_override_that_differs_becomes_as_it_was() -> None:
    first = saved("10.0.0.0/8", policy="login", until=None)
    document = exported()
    services.save_override(_changed(first, effect=Effect.DENIED.value), actor=SOMEBODY)
    done = brought_back(document)
    stored = Override.objects.get()
    assert (stored.pk, stored.effect, stored.version) == (first.pk, "exempt", first.version + 1)
    assert (done.overrides.made, len(done.overrides.changed)) == ((), 1)


def test_of_several_that_could_not_hold_beside_one_that_comes_back_one_becomes_it() -> None:
    now = timezone.now()
    first = saved("10.0.0.0/8", until=None)
    document = exported()
    services.delete_override(first, actor=SOMEBODY)
    saved("10.0.0.0/8", until=now + DAY)
    saved("10.0.0.0/8", since=now + 2 * DAY, until=now + 3 * DAY)
    saved("10.0.0.0/8", policy="login")
    done = brought_back(document)
    assert (done.overrides.made, len(done.overrides.changed), len(done.overrides.deleted)) == ((), 1, 1)
    assert set(Override.objects.values_list("policy", "until")) == {
        ("", None),
        ("login", Override.objects.get(policy="login").until),
    }
    assert brought_back(document).changes_nothing


def _changed(row: Override, **changes: object) -> Override:
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def test_who_does_not_exist_is_left_out_and_named_until_there_is_somebody_of_that_name() -> None:
    fill()
    document = exported()
    lose_everything()
    User.objects.all().delete()
    Group.objects.all().delete()
    User.objects.create_user("Jane", "Jane@example.org")
    done = brought_back(document)
    assert {(left.what.split(" until")[0], left.why) for left in done.left_out} == {
        ("Deny user “jane” under login", "There is no such user."),
        ("Give group “Partners” 500 per day, 9 per minute under all policies", "There is no such group."),
    }
    assert not Override.objects.filter(kind__in=("user", "group")).exists()
    assert not Revision.objects.filter(subject__regex="^user=[0-9]+$").exists()
    User.objects.all().delete()
    jane = User.objects.create_user("jane", "jane@example.org")
    done = brought_back(document)
    assert (len(done.overrides.made), done.revisions, len(done.left_out)) == (1, 0, 1)
    assert Override.objects.get(kind="user").subject == f"user={jane.pk}"


def test_who_was_gone_already_is_never_taken_for_somebody_else() -> None:
    saved("user=4711")
    document = exported()
    lose_everything()
    User.objects.create_user("stranger", "stranger@example.org", pk=4711)
    done = brought_back(document)
    assert [left.why for left in done.left_out] == ["The user was gone when this was exported."]
    assert not Override.objects.exists()
    assert Revision.objects.filter(subject="user=4711 (gone)").get().after["subject"] == "user=4711 (gone)"


def test_an_address_is_kept_no_longer_for_being_brought_back(settings: Any) -> None:
    now = timezone.now()
    saved("203.0.113.9", until=now + timedelta(days=29))
    document = exported()
    lose_everything()
    settings.LIMITS_ADDRESS_DAYS = 10
    done = brought_back(document)
    assert ["10 days at most" in left.why for left in done.left_out] == [True]
    lose_everything()
    later = now + timedelta(days=11)
    brought_back(document, at=later)
    made = Revision.objects.filter(subject_type=ADDRESS_OVERRIDE).order_by("pk")[0]
    assert (made.subject, made.reason, made.before, made.after) == ("", "", None, {})
    assert brought_back(document, at=later).changes_nothing


def test_history_that_was_blanked_since_is_known_again() -> None:
    saved("203.0.113.9")
    document = exported()
    later = timezone.now() + timedelta(days=31)
    services.forget_ended_overrides(actor=SOMEBODY, at=later)
    assert brought_back(document, at=later).revisions == 0


def test_a_hole_in_the_history_is_filled_in_its_place() -> None:
    for number in range(1, 6):
        edit_login(Rate(number, 3600))
    before, document = history(), exported()
    services.save_policy(plain("new"), actor=SOMEBODY)
    newest = history()[-1]
    Revision.objects.filter(subject="login").order_by("pk")[2].delete()
    assert brought_back(document).revisions == 1
    assert history() == [*before, newest]


# A dry run, and what cannot be read


@pytest.mark.parametrize("chosen", [{}, {"exact": True}])
def test_a_dry_run_tells_what_would_be_done_and_does_nothing(chosen: dict[str, Any]) -> None:
    fill()
    document = exported()
    edit_login(Rate(2, 60))
    services.save_policy(plain("new"), actor=SOMEBODY)
    Override.objects.filter(kind="network").delete()
    Revision.objects.filter(subject="everything").delete()
    before = everything()
    told = brought_back(document, dry_run=True, **chosen)
    assert everything() == before
    done = brought_back(document, **chosen)
    assert (told.policies, told.overrides, told.revisions) == (done.policies, done.overrides, done.revisions)
    assert (told.is_dry_run, done.is_dry_run) == (True, False)
    assert done.revisions == 1


def test_a_dry_run_publishes_nothing(django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> None:
    document = exported()
    edit_login(Rate(2, 60))
    with django_capture_on_commit_callbacks() as callbacks:
        brought_back(document, dry_run=True)
    assert callbacks == []


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:-1], lambda whole: whole.replace(b"Logging", b"Bogging"), lambda whole: b""]
)
def test_of_a_damaged_export_nothing_comes_back(damage: Any) -> None:
    fill()
    document = damage(exported())
    lose_everything()
    before = everything()
    with pytest.raises(ExportError):
        brought_back(document)
    assert everything() == before


# Many


def test_twenty_thousand_overrides_come_back_by_a_few_queries(django_assert_max_num_queries: Any) -> None:
    services.save_overrides(override_rows(20_000), actor=SOMEBODY)
    before, document = overrides(), exported()
    Override.objects.filter(pk__gt=Override.objects.order_by("pk")[999].pk).delete()
    Override.objects.update(effect="denied")
    with django_assert_max_num_queries(400):
        done = brought_back(document, exact=True)
    assert (len(done.overrides.made), len(done.overrides.changed)) == (19_000, 1_000)
    assert [row | {"version": 1} for row in overrides()] == before
    told = Revision.objects.latest("pk")
    assert (told.subject, told.after) == (
        "20000 overrides",
        {"made": 19_000, "changed": 1_000, "deleted": 0, "network": 20_000},
    )


def test_very_many_revisions_come_back_by_a_few_queries(django_assert_max_num_queries: Any) -> None:
    now = timezone.now()
    rows = (
        Revision(at=now + timedelta(milliseconds=number), subject_type="policy", subject="login", actor_name="x")
        for number in range(5_000)
    )
    Revision.objects.bulk_create(rows)
    document = exported()
    Revision.objects.all().delete()
    with django_assert_max_num_queries(80):
        assert brought_back(document).revisions == 5_005
    assert brought_back(document).changes_nothing


def test_so_many_leave_a_revision_each() -> None:
    services.save_overrides(override_rows(TOLD_ONE_BY_ONE_MAX), actor=SOMEBODY)
    document = exported()
    Override.objects.all().delete()
    number = Revision.objects.count()
    brought_back(document)
    assert Revision.objects.count() == number + TOLD_ONE_BY_ONE_MAX


# In force again


def test_what_was_brought_back_is_in_force(
    policies: None,
    redis_server: redis.Redis,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        edit_login(Rate(2, 60))
        saved("10.0.0.0/8")
    document = exported()
    with django_capture_on_commit_callbacks(execute=True):
        edit_login(Rate(9, 60))
    policies_in_force.look()
    lose_everything()
    with django_capture_on_commit_callbacks(execute=True):
        brought_back(document)
    assert sync.compare(thorough=True).in_step
    assert sync.is_in_step()
    policies_in_force.look()
    assert policies_in_force.snapshot.policies["login"].rates == (Rate(2, 60),)
    assert overrides_in_force.load()
    assert not overrides_in_force.index.is_empty


def test_after_a_loss_no_version_comes_again_that_was_before(
    policies: None,
    redis_server: redis.Redis,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    document = exported()
    with django_capture_on_commit_callbacks(execute=True):
        edit_login(Rate(9, 60))
    lost = sync.from_database().version
    lose_everything()
    brought_back(document)
    assert not sync.is_in_step()
    assert int(sync.from_database().version.split("-")[0]) > int(lost.split("-")[0])


def test_history_alone_is_published_too(
    policies: None,
    redis_server: redis.Redis,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    document = exported()
    Revision.objects.all().delete()
    with django_capture_on_commit_callbacks(execute=True):
        done = brought_back(document)
    assert (done.policies.number, done.revisions) == (0, 5)
    assert sync.is_in_step()


def test_what_is_left_out_is_told_in_words() -> None:
    assert str(LeftOut("login", "It is gone.")) == "login: It is gone."
    assert io.BytesIO(exported()).readline().startswith(b'{"limits":"export","format":1,')
