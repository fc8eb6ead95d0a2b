from datetime import timedelta
from unittest.mock import ANY

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone
from post_office.models import STATUS, Email

from portal.accounts import services, tasks
from portal.accounts.models import Registration, User

from .conftest import PASSWORD
from .doing import mailed_path, statements_of, the_mail

pytestmark = pytest.mark.django_db

FORM = {"email": "jane@example.org", "password": PASSWORD}
TYPED_AGAIN = {"password": PASSWORD}


def test_registering_takes_the_form_the_mail_and_one_button(client: Client) -> None:
    response = client.post("/register/", {"email": "Jane@Example.org", "password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/register/sent/")
    assert "Look into your mail" in client.get("/register/sent/").content.decode()
    assert not User.objects.exists()

    path = mailed_path()
    assert "jane@example.org" in client.get(path).content.decode()
    response = client.post(path, TYPED_AGAIN)
    assert (response.status_code, response["Location"]) == (302, "/")
    jane = User.objects.get()
    assert (jane.username, jane.email) == ("jane@example.org", "jane@example.org")
    assert (jane.is_staff, jane.is_superuser, jane.is_active) == (False, False, True)
    assert jane.check_password(PASSWORD)
    assert client.session["_auth_user_id"] == str(jane.pk)
    assert not Registration.objects.exists()


def test_the_mail_waits_in_the_database(client: Client) -> None:
    client.post("/register/", FORM)
    mail = the_mail()
    assert mail.to == ["jane@example.org"]
    assert mail.status == STATUS.queued
    assert mail.subject == "Confirm your registration"
    assert mail.headers == {"Auto-Submitted": "auto-generated"}


def test_opening_the_link_alone_creates_nobody(client: Client) -> None:
    client.post("/register/", FORM)
    for _ in range(2):
        assert client.get(mailed_path()).status_code == 200
    assert not User.objects.exists()


def test_the_password_is_kept_as_a_hash_alone(client: Client) -> None:
    client.post("/register/", FORM)
    assert Registration.objects.get().password_hash.startswith("md5$")
    assert PASSWORD not in the_mail().message


def test_a_known_address_gets_the_same_answer_by_the_same_work(jane: User) -> None:
    known = statements_of(Client(), "/register/", {**FORM, "email": "JANE@example.org"})
    unknown = statements_of(Client(), "/register/", {**FORM, "email": "joan@example.org"})
    assert known == unknown == (ANY, "/register/sent/")
    mails = {mail.to[0]: mail for mail in Email.objects.all()}
    assert set(mails) == {"jane@example.org", "joan@example.org"}
    rows = Registration.objects.values_list("email", flat=True)
    assert sorted(rows) == ["jane@example.org", "joan@example.org"]


def test_a_known_address_is_told_by_mail_and_gets_no_link(client: Client, jane: User) -> None:
    client.post("/register/", {**FORM, "password": "another good password"})
    assert the_mail().subject == "You have an account already"
    assert "/register/confirm/" not in the_mail().message
    assert "https://portal.example/login/" in the_mail().message
    assert "https://portal.example/password-reset/" in the_mail().message
    jane.refresh_from_db()
    assert jane.check_password(PASSWORD)


def test_the_address_of_staff_with_a_plain_name_is_known(client: Client, admin_person: User) -> None:
    client.post("/register/", {**FORM, "email": "boss@example.org"})
    assert the_mail().subject == "You have an account already"


def test_only_who_knows_the_password_confirms(client: Client) -> None:
    """The owner of an address, led on by a mail, never makes an account whose password a stranger chose."""
    client.post("/register/", FORM)
    response = client.post(mailed_path(), {"password": "what the owner would type"})
    assert response.status_code == 200
    assert "not the password which was typed at registration" in response.content.decode()
    assert not User.objects.exists()
    assert Registration.objects.exists()


def test_a_link_works_once(client: Client) -> None:
    client.post("/register/", FORM)
    path = mailed_path()
    client.post(path, TYPED_AGAIN)
    for response in (Client().get(path), Client().post(path, TYPED_AGAIN)):
        assert response.status_code == 410
        assert "This link does not work" in response.content.decode()
    assert User.objects.count() == 1


def test_confirming_one_registration_spends_the_others_of_the_address(client: Client) -> None:
    client.post("/register/", FORM)
    path = mailed_path()
    client.post("/register/", {**FORM, "password": "another good password"})
    client.post(path, TYPED_AGAIN)
    assert not Registration.objects.exists()
    assert User.objects.get().check_password(PASSWORD)


def test_a_link_lives_for_a_day(client: Client) -> None:
    client.post("/register/", FORM)
    path = mailed_path()
    day, now = timedelta(hours=24), timezone.now()
    Registration.objects.update(created_at=now - day + timedelta(minutes=1))
    assert client.get(path).status_code == 200
    Registration.objects.update(created_at=now - day)
    assert client.get(path).status_code == 410
    assert client.post(path, TYPED_AGAIN).status_code == 410
    assert not User.objects.exists()


@pytest.mark.parametrize("token", ["x", "x:y", "0" * 32, "0" * 32 + ":" + "A" * 43])
def test_a_link_that_was_never_written_is_not_found(client: Client, token: str) -> None:
    assert client.get(f"/register/confirm/{token}/").status_code == 404
    assert client.post(f"/register/confirm/{token}/").status_code == 404


def test_a_signature_made_for_something_else_is_not_a_link(client: Client) -> None:
    client.post("/register/", FORM)
    token = signing.Signer(salt="another").sign(Registration.objects.get().pk.hex)
    assert client.get(f"/register/confirm/{token}/").status_code == 404


def test_a_link_is_spent_when_the_address_got_an_account_meanwhile(client: Client) -> None:
    client.post("/register/", FORM)
    path = mailed_path()
    other = User.objects.create_user("plain", "jane@example.org", "another good password")
    assert client.post(path, TYPED_AGAIN).status_code == 410
    assert list(User.objects.all()) == [other]
    assert "_auth_user_id" not in client.session


def test_links_lead_to_the_site_whatever_host_the_request_names(client: Client) -> None:
    for host in ("localhost", "127.0.0.1:8000"):
        client.post("/register/", FORM, headers={"host": host, "x-forwarded-host": "evil.example"})
    assert Email.objects.count() == 2
    for mail in Email.objects.all():
        assert "https://portal.example/register/confirm/" in mail.message
        assert "localhost" not in mail.message
        assert "evil.example" not in mail.message


def test_a_foreign_host_is_refused_and_mails_nothing(client: Client) -> None:
    response = client.post("/register/", FORM, headers={"host": "evil.example"})
    assert response.status_code == 400
    assert not Email.objects.exists()


@pytest.mark.parametrize(
    "address",
    [
        "jane",
        "jane@example.org\r\nBcc: eve@example.net",
        "jane@example.org\nBcc: eve@example.net",
        "jane@example.org,eve@example.net",
        '"a,eve@example.net,b"@example.org',
        "Jane <jane@example.org>",
        "jane@example.org\0",
        "j" * 250 + "@example.org",
    ],
)
def test_an_address_that_is_none_mails_nothing(client: Client, address: str) -> None:
    response = client.post("/register/", {**FORM, "email": address})
    assert response.status_code == 200
    assert 'id="id_email_error"' in response.content.decode()
    assert not Email.objects.exists()
    assert not Registration.objects.exists()


@pytest.mark.parametrize("local_part", ["{{settings}}", "{%debug%}", "{#x", "o'brien", "a+b"])
def test_an_address_with_the_signs_of_a_template_is_an_address(client: Client, local_part: str) -> None:
    client.post("/register/", {**FORM, "email": f"{local_part}@example.org"})
    assert the_mail().to == [f"{local_part}@example.org"]
    assert client.get(mailed_path()).status_code == 200


@pytest.mark.parametrize("password", ["short", "12345678901", "password123", "jane@example.org", ""])
def test_a_weak_password_is_told_beside_its_field(client: Client, password: str) -> None:
    page = client.post("/register/", {**FORM, "password": password}).content.decode()
    assert 'id="id_password_error"' in page
    assert 'aria-describedby="id_password_helptext id_password_error"' in page
    assert 'value="jane@example.org"' in page
    assert not Registration.objects.exists()


def test_with_every_field_wrong_all_is_told_and_only_the_address_is_kept(client: Client) -> None:
    page = client.post("/register/", {"email": "<jane", "password": "hunter2"}).content.decode()
    assert 'id="id_email_error"' in page
    assert 'id="id_password_error"' in page
    assert 'value="&lt;jane"' in page
    assert "hunter2" not in page


def test_only_old_registrations_are_forgotten() -> None:
    now = timezone.now()
    for hours in (0, 23, 24, 100):
        Registration.objects.create(email=f"{hours}@example.org", created_at=now - timedelta(hours=hours))
    assert services.forget_old_registrations(now=now) == 2
    assert set(Registration.objects.values_list("email", flat=True)) == {
        "0@example.org",
        "23@example.org",
    }


def test_the_worker_forgets_old_registrations() -> None:
    Registration.objects.create(email="a@example.org", created_at=timezone.now() - timedelta(days=2))
    tasks.forget_old_registrations()
    assert tasks.forget_old_registrations.name == "portal.accounts.tasks.forget_old_registrations"
    assert not Registration.objects.exists()
