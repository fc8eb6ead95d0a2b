"""Every write of policies leaves one revision, in one transaction."""

from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from pytest_django import DjangoCaptureOnCommitCallbacks

from limits import services
from limits.core.client_keys import ClientKey
from limits.core.policies import Mode
from limits.core.rates import Rate
from limits.exceptions import PolicyConflict, PolicyInUse
from limits.models import Policy, Revision
from limits.services import Actor
from limits.store import documents

pytestmark = pytest.mark.django_db

SOMEBODY = Actor(name="somebody", origin="a test")
NOBODY = Actor(name=None, origin="a test")  # type: ignore[arg-type] # a revision that the database refuses


def login() -> Policy:
    return Policy.objects.get(slug="login")


def edited(*rates: Rate) -> Policy:
    policy = login()
    policy.rates = rates
    return policy


def upload() -> Policy:
    return Policy(slug="upload", title="Uploading", key=ClientKey("ip"), rates=(Rate(5, 60),))


def revisions() -> list[tuple[str, str]]:
    """Return (policy, who) of what was written since the first migration, oldest first."""
    written = Revision.objects.exclude(origin="first migration").order_by("pk")
    return list(written.values_list("subject", "actor_name"))


def test_a_save_leaves_one_revision_and_the_next_version() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    saved = services.save_policy(edited(Rate(7, 60)), actor=SOMEBODY, reason="Too strict", at=at)
    assert (saved.version, login().version) == (2, 2)
    revision = Revision.objects.latest("pk")
    assert (revision.subject, revision.at, revision.reason) == ("login", at, "Too strict")
    assert (revision.before["rates"], revision.after["rates"]) == (["5 per minute"], ["7 per minute"])


def test_a_save_that_changes_nothing_leaves_none() -> None:
    assert services.save_policy(login(), actor=SOMEBODY).version == 1
    assert revisions() == []


def test_what_was_edited_from_an_older_version_is_refused() -> None:
    mine = edited(Rate(9, 60))
    services.save_policy(edited(Rate(7, 60)), actor=SOMEBODY)
    with pytest.raises(PolicyConflict):
        services.save_policy(mine, actor=SOMEBODY)
    assert login().rates == (Rate(7, 60),)
    assert revisions() == [("login", "somebody")]


def test_what_was_deleted_meanwhile_is_not_made_again() -> None:
    mine = services.save_policy(upload(), actor=SOMEBODY)
    services.delete_policy(Policy.objects.get(slug="upload"), actor=SOMEBODY)
    mine.rates = (Rate(9, 60),)
    with pytest.raises(PolicyConflict):
        services.save_policy(mine, actor=SOMEBODY)
    assert not Policy.objects.filter(slug="upload").exists()


def test_a_policy_takes_another_mode_whatever_its_version() -> None:
    mine = login()
    services.save_policy(edited(Rate(7, 60)), actor=SOMEBODY)
    assert services.set_mode(mine, mode=Mode.SHADOW, actor=SOMEBODY)
    assert not services.set_mode(mine, mode=Mode.SHADOW, actor=SOMEBODY)
    assert (login().mode, login().rates) == (Mode.SHADOW, (Rate(7, 60),))
    assert len(revisions()) == 2


def test_a_policy_whose_view_is_gone_can_be_switched_off_but_not_enforced() -> None:
    Policy.objects.filter(slug="login").update(view="gone", mode="shadow")
    with pytest.raises(ValidationError, match="gone"):
        services.set_mode(login(), mode=Mode.ENFORCE, actor=SOMEBODY)
    assert (login().mode, revisions()) == (Mode.SHADOW, [])
    assert services.set_mode(login(), mode=Mode.OFF, actor=SOMEBODY)


def test_of_many_policies_those_that_can_take_another_mode_and_redis_is_told_once(
    policies: None, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    Policy.objects.filter(slug="login").update(view="gone", mode="shadow")
    with django_capture_on_commit_callbacks(execute=True) as to_be_told:
        done = services.set_modes(Policy.objects.all(), mode=Mode.ENFORCE, actor=SOMEBODY)
    assert (done.changed, list(done.refused), len(to_be_told)) == ((), ["login"], 0)
    with django_capture_on_commit_callbacks(execute=True) as to_be_told:
        done = services.set_modes(Policy.objects.all(), mode=Mode.OFF, actor=SOMEBODY)
    assert len(to_be_told) == 1
    assert len(done.changed) == len(revisions()) == Policy.objects.filter(mode="off").count() == 5
    assert not done.refused


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rates": (Rate(10, 60, burst=20),)}, "rates"),
        ({"cost": 6}, "cost"),
        ({"cost": 0}, "cost"),
        ({"cost": "much"}, "cost"),
        ({"view": "no:such"}, "view"),
        ({"path": "upload"}, "path"),
        ({"view": "admin:index", "path": "/upload"}, "path"),
        ({"mode": "sometimes"}, "mode"),
        ({"algorithm": "leaky-bucket"}, "algorithm"),
        ({"ipv6_prefix": 129}, "ipv6_prefix"),
        ({"penalty_seconds": -1}, "penalty_seconds"),
        ({"priority": 40_000}, "priority"),
        ({"rates": "often"}, "rates"),
    ],
)
def test_what_can_never_work_is_not_saved(changes: dict[str, Any], field: str) -> None:
    policy = login()
    for name, value in changes.items():
        setattr(policy, name, value)
    with pytest.raises(ValidationError) as refusal:
        services.save_policy(policy, actor=SOMEBODY)
    assert refusal.value.message_dict.keys() == {field}
    assert (login().version, revisions()) == (1, [])


def test_the_last_change_is_undone_by_a_change_of_its_own() -> None:
    before = services.described(login())
    services.save_policy(edited(Rate(7, 60), Rate(70, 3_600)), actor=SOMEBODY)
    undone = services.undo_policy(login(), actor=SOMEBODY)
    assert services.described(login()) == services.described(undone) == before
    assert login().version == 3
    latest = Revision.objects.latest("pk")
    assert (latest.after, latest.reason) == (before, "Undid the change before.")


def test_undoing_twice_does_it_again() -> None:
    services.save_policy(edited(Rate(7, 60)), actor=SOMEBODY)
    services.undo_policy(login(), actor=SOMEBODY)
    services.undo_policy(login(), actor=SOMEBODY)
    assert login().rates == (Rate(7, 60),)
    assert len(revisions()) == 3


def test_every_field_is_undone() -> None:
    before = services.described(login())
    policy = login()
    changes = {
        "title": "Mine",
        "description": "Mine",
        "mode": "shadow",
        "algorithm": "token-bucket",
        "rates": (Rate(10, 60, burst=20),),
        "key": ClientKey("ip", other=ClientKey("field", "username")),
        "methods": ("GET", "PUT"),
        "path": "/api/**",
        "priority": 7,
        "ipv6_prefix": 48,
        "cost": 2,
        "counts": "failed-logins",
        "refusals_count": True,
        "penalty_seconds": 60,
        "without_redis": "refuse",
    }
    assert {*changes, "view"} == before.keys()
    for name, value in changes.items():
        setattr(policy, name, value)
    services.save_policy(policy, actor=SOMEBODY)
    services.undo_policy(login(), actor=SOMEBODY)
    assert services.described(login()) == before


def test_what_somebody_changed_since_is_not_undone() -> None:
    services.save_policy(edited(Rate(7, 60)), actor=SOMEBODY)
    looked_at = login()
    services.save_policy(edited(Rate(8, 60)), actor=SOMEBODY)
    with pytest.raises(PolicyConflict):
        services.undo_policy(looked_at, actor=SOMEBODY)
    assert login().rates == (Rate(8, 60),)


def test_a_policy_that_never_changed_has_nothing_to_undo() -> None:
    assert services.undone(login()) is None
    with pytest.raises(ValidationError, match="no change to undo"):
        services.undo_policy(login(), actor=SOMEBODY)


def test_what_was_written_past_the_services_is_not_undone() -> None:
    services.save_policy(edited(Rate(7, 60)), actor=SOMEBODY)
    Policy.objects.filter(slug="login").update(title="Mine")
    assert services.undone(login()) is None


def test_what_cannot_hold_any_more_is_not_brought_back() -> None:
    Policy.objects.filter(slug="login").update(view="gone")
    policy = login()
    policy.view = ""
    services.save_policy(policy, actor=SOMEBODY)
    with pytest.raises(ValidationError, match="gone"):
        services.undo_policy(login(), actor=SOMEBODY)
    assert login().view == ""


def test_a_change_of_before_there_were_modes_is_undone_too() -> None:
    policy = login()
    policy.mode = "off"
    services.save_policy(policy, actor=SOMEBODY)
    latest = Revision.objects.latest("pk")
    old = ("title", "description", "key", "methods", "rates")
    before, after = ({name: told[name] for name in old} for told in (latest.before, latest.after))
    Revision.objects.filter(pk=latest.pk).update(before=before | {"enabled": True}, after=after | {"enabled": False})
    services.undo_policy(login(), actor=SOMEBODY)
    assert login().mode == Mode.ENFORCE


def test_a_policy_that_code_uses_is_not_deleted() -> None:
    with pytest.raises(PolicyInUse):
        services.delete_policy(login(), actor=SOMEBODY)
    assert login()
    assert revisions() == []


def test_deleting_what_is_gone_leaves_no_revision() -> None:
    made = services.save_policy(upload(), actor=SOMEBODY)
    services.delete_policy(Policy.objects.get(slug="upload"), actor=SOMEBODY)
    services.delete_policy(made, actor=SOMEBODY)
    assert revisions() == [("upload", "somebody")] * 2


def test_a_write_whose_revision_fails_is_no_write(
    policies: None, redis_server: redis.Redis, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    made = services.save_policy(upload(), actor=SOMEBODY)
    stored, published = list(Policy.objects.values_list()), documents.published()
    with django_capture_on_commit_callbacks(execute=True) as to_be_told:
        for write in (
            lambda: services.save_policy(edited(Rate(7, 60)), actor=NOBODY),
            lambda: services.set_mode(login(), mode=Mode.OFF, actor=NOBODY),
            lambda: services.delete_policy(made, actor=NOBODY),
            lambda: services.save_policy(Policy(slug="x", title="X", key=made.key, rates=made.rates), actor=NOBODY),
        ):
            with pytest.raises(IntegrityError):
                write()
    assert list(Policy.objects.values_list()) == stored
    assert revisions() == [("upload", "somebody")]
    assert (to_be_told, documents.published()) == ([], published)


def test_each_write_tells_redis_once_it_is_committed(
    policies: None, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    made = upload()
    for write in (
        lambda: services.save_policy(made, actor=SOMEBODY),
        lambda: services.set_mode(made, mode=Mode.OFF, actor=SOMEBODY),
        lambda: services.delete_policy(made, actor=SOMEBODY),
    ):
        before = documents.published()
        with django_capture_on_commit_callbacks(execute=True):
            write()
            assert documents.published() == before
        assert documents.published() != before
