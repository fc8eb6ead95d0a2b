"""Writing many overrides together: what is made, what is changed, what stays, and what the history keeps."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from limits import services, sync_overrides
from limits.core.overrides import Effect
from limits.core.rates import Rate
from limits.exceptions import OverrideConflict
from limits.models import Override, OverridePart, Policy, Revision
from limits.models.overrides import TWINS_MAX
from limits.services.overrides import TOLD_ONE_BY_ONE_MAX
from tests.limits.overriding import SOMEBODY, override, saved

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
DENIED = {"effect": Effect.DENIED.value}


def versions() -> dict[int, int]:
    return dict(OverridePart.objects.values_list("number", "version"))


def test_very_many_are_saved_with_one_revision() -> None:
    revisions = Revision.objects.count()
    rows = [override(f"user={number}") for number in range(3000)]
    done = services.save_overrides(rows, actor=SOMEBODY, reason="An attack")
    assert (len(done.made), done.changed, done.left) == (3000, (), ())
    assert Override.objects.count() == 3000
    assert Revision.objects.count() == revisions + 1
    revision = Revision.objects.latest("pk")
    assert revision.after == {"made": 3000, "changed": 0, "user": 3000}
    assert (revision.subject, revision.reason, revision.actor_name) == ("3000 overrides", "An attack", "somebody")
    assert all(version > 0 for version in versions().values())


def test_of_fewer_each_leaves_a_revision() -> None:
    services.save_overrides([override("10.0.0.0/8"), override("203.0.113.9")], actor=SOMEBODY)
    told = Revision.objects.filter(subject__in=["10.0.0.0/8", "203.0.113.9"])
    assert {(revision.subject_type, revision.before) for revision in told} == {
        ("override", None),
        ("override of address", None),
    }


def test_of_many_with_a_wrong_one_none_is_saved_and_its_place_is_told() -> None:
    with pytest.raises(ValidationError, match="Number 2"):
        services.save_overrides([override(), override(reason="")], actor=SOMEBODY)
    assert not Override.objects.exists()


def test_they_are_published_once(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    published: list[bool] = []
    monkeypatch.setattr(sync_overrides, "publish_once", lambda: published.append(True) or True)
    with django_capture_on_commit_callbacks(execute=True):
        services.save_overrides([override(f"user={number}") for number in range(300)], actor=SOMEBODY)
    assert published == [True]


def test_those_that_exist_stay_as_they_are() -> None:
    first = saved("10.0.0.0/8")
    before = versions()
    done = services.save_overrides([override("10.0.0.0/8", **DENIED), override("10.1.0.0/16")], actor=SOMEBODY)
    assert done.left == (first,)
    assert [row.subject for row in done.made] == ["10.1.0.0/16"]
    assert Override.objects.get(pk=first.pk).effect == Effect.EXEMPT
    assert versions()[first.part] == before[first.part]


def test_those_that_exist_are_changed_when_that_is_asked_for() -> None:
    first = saved("10.0.0.0/8")
    before = versions()
    new = override("10.0.0.0/8", effect=Effect.RATES.value, rates=(Rate(5, 60),), until=None, reason="An attack")
    done = services.save_overrides([new], actor=SOMEBODY, change_existing=True)
    stored = Override.objects.get()
    assert (stored.pk, stored.effect, stored.rates, stored.until) == (first.pk, "rates", (Rate(5, 60),), None)
    assert (stored.version, stored.saved_by, stored.reason) == (first.version + 1, "somebody", "An attack")
    assert (done.made, done.changed, done.left) == ((), (stored,), ())
    assert versions()[first.part] > before[first.part]
    revision = Revision.objects.filter(subject="10.0.0.0/8").latest("pk")
    assert (revision.before["effect"], revision.after["effect"]) == ("exempt", "rates")


def test_one_that_is_as_it_would_become_is_not_changed() -> None:
    first = saved("10.0.0.0/8")
    same = override("10.0.0.0/8", since=first.since, until=first.until)
    done = services.save_overrides([same], actor=SOMEBODY, change_existing=True)
    assert (done.changed, done.left) == ((), (first,))
    assert Override.objects.get().version == first.version


def test_whoever_edits_one_that_is_changed_is_told() -> None:
    mine = saved("10.0.0.0/8")
    services.save_overrides([override("10.0.0.0/8", **DENIED)], actor=SOMEBODY, change_existing=True)
    mine.reason = "mine"
    with pytest.raises(OverrideConflict):
        services.save_override(mine, actor=SOMEBODY)


def test_one_for_another_policy_or_at_another_time_is_not_the_same() -> None:
    now = timezone.now()
    saved("10.0.0.0/8", policy="login")
    saved("10.0.0.0/8", since=now - 2 * DAY, until=now - DAY)
    saved("10.0.0.0/8", since=now + 3 * DAY, until=now + 4 * DAY)
    done = services.save_overrides([override("10.0.0.0/8")], actor=SOMEBODY, change_existing=True)
    assert (len(done.made), done.changed, done.left) == (1, (), ())


def test_where_several_hold_at_the_same_time_none_is_changed_and_the_place_is_told() -> None:
    now = timezone.now()
    first = saved("10.0.0.0/8", until=now + DAY)
    second = saved("10.0.0.0/8", since=now + 2 * DAY, until=now + 3 * DAY)
    rows = [override("10.1.0.0/16"), override("10.0.0.0/8", until=None, **DENIED)]
    with pytest.raises(ValidationError, match="Number 2: Several exist"):
        services.save_overrides(rows, actor=SOMEBODY, change_existing=True)
    with pytest.raises(ValidationError, match="Line 7: Several exist"):
        services.save_overrides(rows, actor=SOMEBODY, change_existing=True, called=["Line 5", "Line 7"])
    assert set(Override.objects.values_list("pk", "effect")) == {(first.pk, "exempt"), (second.pk, "exempt")}
    done = services.save_overrides(rows, actor=SOMEBODY)
    assert (len(done.made), len(done.left)) == (1, 1)


def test_of_several_the_one_whose_time_it_meets_is_changed() -> None:
    now = timezone.now()
    saved("10.0.0.0/8", until=now + DAY)
    second = saved("10.0.0.0/8", since=now + 2 * DAY, until=now + 3 * DAY)
    row = override("10.0.0.0/8", since=now + 2 * DAY, until=None, **DENIED)
    assert services.save_overrides([row], actor=SOMEBODY, change_existing=True).changed == (second,)


def test_one_client_and_policy_has_so_many_at_most() -> None:
    now = timezone.now()
    rows = [override("10.0.0.0/8", since=now + n * DAY, until=now + (n + 1) * DAY) for n in range(TWINS_MAX + 1)]
    with pytest.raises(ValidationError, match=f"Number {TWINS_MAX + 1}: There are {TWINS_MAX}"):
        services.save_overrides(rows, actor=SOMEBODY)
    assert not Override.objects.exists()
    assert len(services.save_overrides(rows[:-1], actor=SOMEBODY).made) == TWINS_MAX
    with pytest.raises(ValidationError, match=f"Number 1: There are {TWINS_MAX}"):
        services.save_overrides(rows[-1:], actor=SOMEBODY)


def test_a_time_of_which_no_database_knows_is_refused() -> None:
    far = datetime(9999, 12, 31, 23, tzinfo=UTC)
    with pytest.raises(ValidationError, match="1971 to 9000"):
        services.save_overrides([override(until=far)], actor=SOMEBODY)


def test_bursts_are_judged_without_a_question_for_each(django_assert_max_num_queries: Any) -> None:
    Policy.objects.filter(slug="login").update(algorithm="token-bucket")
    bursts = {"effect": Effect.RATES.value, "rates": (Rate(10, 60, 20),), "policy": "login"}
    rows = [override(f"10.{number}.0.0/16", **bursts) for number in range(TOLD_ONE_BY_ONE_MAX + 1)]
    with django_assert_max_num_queries(10):
        assert len(services.save_overrides(rows, actor=SOMEBODY).made) == len(rows)


def test_of_several_alike_the_first_is_taken() -> None:
    rows = [override("10.0.0.0/8"), override("10.0.0.0/8", **DENIED)]
    done = services.save_overrides(rows, actor=SOMEBODY, change_existing=True)
    assert [row.effect for row in done.made] == ["exempt"]
    assert Override.objects.count() == 1
    rows = [override("10.0.0.0/8", **DENIED), override("10.0.0.0/8", reason="another")]
    done = services.save_overrides(rows, actor=SOMEBODY, change_existing=True)
    assert [row.effect for row in done.changed] == ["denied"]
    assert Override.objects.get().effect == "denied"


def test_where_nothing_is_to_be_done_nothing_is_written() -> None:
    revisions, before = Revision.objects.count(), versions()
    done = services.save_overrides([], actor=SOMEBODY)
    assert (done.made, done.changed, done.left) == ((), (), ())
    assert (Revision.objects.count(), versions()) == (revisions, before)


def test_thousands_are_saved_and_changed_by_a_few_queries(django_assert_max_num_queries: Any) -> None:
    now = timezone.now()

    def rows(**changes: object) -> list[Override]:
        return [override(f"user={number}", since=now, until=None, **changes) for number in range(5000)]

    with django_assert_max_num_queries(100):
        services.save_overrides(rows(), actor=SOMEBODY)
    with django_assert_max_num_queries(30):
        done = services.save_overrides(rows(**DENIED), actor=SOMEBODY, change_existing=True)
    assert len(done.changed) == 5000
    assert Override.objects.filter(effect="denied", version=2).count() == 5000
