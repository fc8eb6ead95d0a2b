"""Every write of policies leaves one revision, in one transaction."""

from datetime import UTC, datetime

import pytest
import redis
from django.db import IntegrityError
from pytest_django import DjangoCaptureOnCommitCallbacks

from limits import services, store
from limits.core.policies import ClientKey
from limits.core.rates import Rate
from limits.exceptions import PolicyConflict, PolicyInUse
from limits.models import Policy, Revision
from limits.services import Actor

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


def test_a_policy_is_switched_whatever_its_version() -> None:
    mine = login()
    services.save_policy(edited(Rate(7, 60)), actor=SOMEBODY)
    assert services.switch_policy(mine, enabled=False, actor=SOMEBODY)
    assert not services.switch_policy(mine, enabled=False, actor=SOMEBODY)
    assert (login().enabled, login().rates) == (False, (Rate(7, 60),))
    assert len(revisions()) == 2


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
    stored, published = list(Policy.objects.values_list()), store.published()
    with django_capture_on_commit_callbacks(execute=True) as to_be_told:
        for write in (
            lambda: services.save_policy(edited(Rate(7, 60)), actor=NOBODY),
            lambda: services.switch_policy(login(), enabled=False, actor=NOBODY),
            lambda: services.delete_policy(made, actor=NOBODY),
            lambda: services.save_policy(Policy(slug="x", title="X", key=made.key, rates=made.rates), actor=NOBODY),
        ):
            with pytest.raises(IntegrityError):
                write()
    assert list(Policy.objects.values_list()) == stored
    assert revisions() == [("upload", "somebody")]
    assert (to_be_told, store.published()) == ([], published)


def test_each_write_tells_redis_once_it_is_committed(
    policies: None, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    made = upload()
    for write in (
        lambda: services.save_policy(made, actor=SOMEBODY),
        lambda: services.switch_policy(made, enabled=False, actor=SOMEBODY),
        lambda: services.delete_policy(made, actor=SOMEBODY),
    ):
        before = store.published()
        with django_capture_on_commit_callbacks(execute=True):
            write()
            assert store.published() == before
        assert store.published() != before
