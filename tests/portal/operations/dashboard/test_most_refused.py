"""Who was refused most, of the refusals that are kept."""

from datetime import timedelta

import pytest

from limits.models import LastRefusal
from portal.accounts.models import User
from portal.operations.checklist.limiter import made_up_address
from portal.operations.dashboard.most_refused import CLIENTS_MAX, most_refused
from portal.operations.dashboard.periods import USUAL

from .making import NOW

pytestmark = pytest.mark.django_db


def refuse(client: str, *, policy: str = "login", times: int = 1, ago: timedelta = timedelta(minutes=1)) -> None:
    for _ in range(times):
        number = LastRefusal.objects.count()
        LastRefusal.objects.create(
            entry=f"{number}-0", at=NOW - ago, policy=policy, client=client, place="POST /login/"
        )


def test_who_was_refused_most_comes_first() -> None:
    refuse("ip=203.0.113.9", times=3)
    refuse("ip=203.0.113.8", times=5)
    refuse("ip=203.0.113.7", times=9, ago=timedelta(days=2))
    found = most_refused(USUAL, now=NOW, by_name=False)
    assert [(each.in_words, each.number) for each in found] == [("203.0.113.8", 5), ("203.0.113.9", 3)]


def test_the_tries_of_the_checklist_are_nobodys() -> None:
    refuse(made_up_address(), times=9)
    refuse("ip=203.0.113.9")
    assert [each.in_words for each in most_refused(USUAL, now=NOW, by_name=False)] == ["203.0.113.9"]


def test_no_more_than_fit_are_told() -> None:
    for number in range(CLIENTS_MAX + 2):
        refuse(f"ip=203.0.113.{number}")
    assert len(most_refused(USUAL, now=NOW, by_name=False)) == CLIENTS_MAX


def test_users_are_named_to_those_who_may_know_them() -> None:
    user = User.objects.create_user("jane", "jane@example.org")
    refuse(f"user={user.pk}")
    assert [most_refused(USUAL, now=NOW, by_name=known)[0].in_words for known in (True, False)] == [
        "User jane",
        f"User {user.pk}",
    ]


def test_a_policy_that_is_gone_is_told_by_its_name() -> None:
    refuse("ip=203.0.113.9", policy="gone")
    (found,) = most_refused(USUAL, now=NOW, by_name=False)
    assert (found.slug, found.policy) == ("gone", None)


def test_a_network_is_as_wide_as_its_policy_counts(policies: None) -> None:
    refuse("ip=2001:db8::")
    assert most_refused(USUAL, now=NOW, by_name=False)[0].in_words == "2001:db8::/64"
