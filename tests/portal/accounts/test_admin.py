import pytest
from django.test import Client

from portal.accounts.models import User

from .conftest import PASSWORD

pytestmark = pytest.mark.django_db

NEW = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}


@pytest.fixture
def staff(client: Client, admin_person: User) -> Client:
    client.force_login(admin_person)
    return client


def test_staff_add_a_person_with_an_address(staff: Client) -> None:
    response = staff.post("/admin/accounts/user/add/", {"username": "clerk", "email": "Clerk@Example.org", **NEW})
    assert response.status_code == 302
    assert User.objects.get(username="clerk").email == "clerk@example.org"


@pytest.mark.parametrize("email", ["", "BOSS@example.org"])
def test_an_address_that_is_missing_or_taken_is_refused(staff: Client, email: str) -> None:
    response = staff.post("/admin/accounts/user/add/", {"username": "clerk", "email": email, **NEW})
    assert response.status_code == 200
    assert set(response.context["adminform"].form.errors) == {"email"}


def test_people_are_listed_and_found_by_address(staff: Client, jane: User) -> None:
    assert "jane@example.org" in staff.get("/admin/accounts/user/?q=jane").content.decode()


def test_a_person_whose_address_has_unusual_signs_can_be_edited(staff: Client) -> None:
    person = User.objects.create_user("o'brien@example.org", "o'brien@example.org")
    page = staff.get(f"/admin/accounts/user/{person.pk}/change/")
    data = {name: value for name, value in page.context["adminform"].form.initial.items() if isinstance(value, str)}
    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    response = staff.post(page.request["PATH_INFO"], {**data, **joined, "first_name": "Pat"})
    assert response.status_code == 302, response.context["adminform"].form.errors
    person.refresh_from_db()
    assert person.first_name == "Pat"
