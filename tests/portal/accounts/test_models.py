import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError

from portal.accounts.models import User

from .conftest import PASSWORD

pytestmark = pytest.mark.django_db


def test_an_address_is_stored_in_lower_case() -> None:
    user = User.objects.create_user("Jane@Example.ORG", " Jane@Example.ORG ", PASSWORD)
    user.refresh_from_db()
    assert (user.username, user.email) == ("jane@example.org", "jane@example.org")


def test_an_address_in_other_case_is_taken(jane: User) -> None:
    with pytest.raises(IntegrityError):
        User.objects.create_user("other", "JANE@example.org")


def test_nobody_is_without_an_address() -> None:
    with pytest.raises(IntegrityError):
        User.objects.create_user("nobody")


def test_a_user_name_that_is_an_address_follows_it(jane: User) -> None:
    jane.email = "jane@Example.net"
    jane.save()
    assert jane.username == "jane@example.net"


def test_a_plain_user_name_stays(admin_person: User) -> None:
    admin_person.email = "chief@example.org"
    admin_person.save()
    assert admin_person.username == "admin"


def test_saving_one_field_alone_works(jane: User) -> None:
    jane.first_name = "Jane"
    jane.save(update_fields=["first_name"])
    jane.refresh_from_db()
    assert jane.first_name == "Jane"


def test_createsuperuser_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command(
        "createsuperuser",
        username="admin",
        email="Boss@Example.org",
        interactive=False,
        verbosity=0,
    )
    user = User.objects.get(username="admin")
    assert user.is_superuser
    assert user.email == "boss@example.org"
    assert user.check_password(PASSWORD)


@pytest.mark.parametrize("name", ["admin", "jane@example.org", "JANE.o'brien+x@example.org"])
def test_names_that_are_taken(name: str) -> None:
    User(username=name, email="jane.o'brien+x@example.org" if "'" in name else "jane@example.org").clean_fields(
        exclude=["password"]
    )


@pytest.mark.parametrize("name", ["", "two words", "jane@", "jane@example", "a/b"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        User(username=name, email="jane@example.org").clean_fields(exclude=["password"])
    assert set(caught.value.error_dict) == {"username"}


@pytest.mark.parametrize(
    "address",
    [
        "",
        "jane",
        '"a,eve@example.net,b"@example.org',
        "jane@[127.0.0.1]",
        "ſam@example.org",
        "jane@exämple.org",
        "jane@example.org\nBcc: eve@example.net",
        "Jane <jane@example.org>",
    ],
)
def test_addresses_that_are_refused(address: str) -> None:
    with pytest.raises(ValidationError) as caught:
        User(username="jane", email=address).clean_fields(exclude=["password"])
    assert set(caught.value.error_dict) == {"email"}


@pytest.mark.parametrize("typed", ["admin", "boss@example.org", " Boss@Example.ORG"])
def test_staff_authenticate_by_user_name_or_address(admin_person: User, typed: str) -> None:
    assert authenticate(username=typed, password=PASSWORD) == admin_person


@pytest.mark.parametrize("typed", ["chief", "", "@", "boss@example.net"])
def test_other_names_are_nobody(admin_person: User, typed: str) -> None:
    assert authenticate(username=typed, password=PASSWORD) is None
