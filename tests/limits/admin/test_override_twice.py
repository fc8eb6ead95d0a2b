"""Two overrides for the same subject and policy: at the same time the second is refused, else it is told of."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from limits.models import Override
from portal.accounts.models import User
from tests.limits.overriding import saved

from .conftest import logged_in, staff
from .doing import errors_of, text_of, told
from .doing_overrides import ADD, NEW, edit, page_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_a_second_one_at_the_same_time_is_refused_with_a_link_to_the_first(admin: Client) -> None:
    first = saved("198.51.100.0/24", since=timezone.now() - DAY, until=timezone.now() + DAY)
    response = admin.post(ADD, NEW | {"effect": "denied"})
    ((message,),) = errors_of(response).values()
    assert "There is one already that holds at the same time" in message
    assert f'<a href="{page_of(first)}">Exempt 198.51.100.0/24 from all policies until' in response.content.decode()
    assert list(Override.objects.all()) == [first]


def test_a_second_one_at_another_time_is_saved_and_told_of_with_a_link(admin: Client) -> None:
    first = saved("198.51.100.0/24", since=timezone.now() + 2 * DAY, until=timezone.now() + 3 * DAY)
    page = admin.post(ADD, NEW | {"lasts": "86400", "since_0": f"{timezone.now():%Y-%m-%d}"}, follow=True)
    assert Override.objects.count() == 2
    assert "There is another one for the same, at another time" in told(page)
    assert page_of(first) in told(page)


@pytest.mark.parametrize("typed", [{"policy": "login"}, {"who": "198.51.0.0/16"}])
def test_one_for_another_policy_or_subject_is_no_second_one(admin: Client, typed: dict[str, str]) -> None:
    saved("198.51.100.0/24")
    assert "another one" not in told(admin.post(ADD, NEW | typed, follow=True))
    assert Override.objects.count() == 2


def test_one_that_has_ended_is_in_nobodys_way(admin: Client) -> None:
    saved("198.51.100.0/24", since=timezone.now() - 2 * DAY, until=timezone.now() - DAY)
    page = admin.post(ADD, NEW, follow=True)
    assert Override.objects.count() == 2
    assert "another one" not in told(page)


def test_an_edit_into_the_time_of_another_one_is_refused(admin: Client) -> None:
    now = timezone.now()
    saved("198.51.100.0/24", since=now - DAY, until=now + DAY)
    later = saved("198.51.100.0/24", since=now + 2 * DAY, until=now + 3 * DAY)
    local = timezone.localtime(now)
    response = edit(admin, later, since_0=f"{local:%Y-%m-%d}", since_1=f"{local:%H:%M:%S}")
    assert errors_of(response).keys() == {"__all__"}
    assert edit(admin, later, reason="another").redirect_chain


def test_what_is_refused_is_no_way_to_hear_whom_an_id_belongs_to(db: None) -> None:
    alice = User.objects.create_user("alice", "alice@example.org")
    saved(f"user={alice.pk}")
    clerk = logged_in(staff("clerk", "add_override", "view_override"))
    page = text_of(clerk.post(ADD, NEW | {"about": "user", "who": str(alice.pk)}))
    assert f"Exempt user {alice.pk} from all policies" in page
    assert "alice" not in page


def test_whoever_may_not_look_at_overrides_hears_of_no_other(db: None) -> None:
    first = saved("198.51.100.0/24", since=timezone.now() + 2 * DAY, until=timezone.now() + 3 * DAY)
    adder = logged_in(staff("adder", "add_override"))
    refused = adder.post(ADD, NEW | {"effect": "denied"})
    ((message,),) = errors_of(refused).values()
    assert message.startswith("There is one already that holds at the same time.")
    assert "Exempt" not in message
    page = adder.post(
        ADD, NEW | {"effect": "denied", "lasts": "86400", "since_0": f"{timezone.now():%Y-%m-%d}"}, follow=True
    )
    assert "There is another one for the same, at another time." in told(page)
    assert "xempt" not in told(page)
    assert page_of(first) not in told(page)
