from datetime import timedelta
from unittest.mock import ANY

import pytest
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.test import Client
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from post_office.models import STATUS, Email

from portal.accounts.models import User

from .conftest import PASSWORD
from .doing import mailed_path, statements_of, the_mail

pytestmark = pytest.mark.django_db

NEW = "another good password"
NEW_TWICE = {"new_password1": NEW, "new_password2": NEW}


class OldTokens(PasswordResetTokenGenerator):
    """Makes tokens as they were made four hours ago."""

    def _now(self):  # type: ignore[no-untyped-def]
        return super()._now() - timedelta(hours=4)


def opened(client: Client, path: str) -> str:
    """Follows the mailed link; returns the path of the form, which holds no token."""
    response = client.get(path)
    assert response.status_code == 302
    assert response["Location"].endswith("/set-password/")
    return response["Location"]


def test_a_reset_takes_the_address_the_mail_and_a_new_password(client: Client, jane: User) -> None:
    response = client.post("/password-reset/", {"email": "JANE@example.org"})
    assert (response.status_code, response["Location"]) == (302, "/password-reset/sent/")
    assert "Look into your mail" in client.get("/password-reset/sent/").content.decode()
    assert (the_mail().to, the_mail().status) == (["jane@example.org"], STATUS.queued)
    assert "for 3 hours" in the_mail().message

    form = opened(client, mailed_path())
    assert client.get(form).status_code == 200
    response = client.post(form, NEW_TWICE)
    assert (response.status_code, response["Location"]) == (302, "/password-reset/done/")
    assert "Your password is set" in client.get("/password-reset/done/").content.decode()
    jane.refresh_from_db()
    assert jane.check_password(NEW)


def test_a_reset_logs_every_other_browser_out(client: Client, jane: User) -> None:
    elsewhere = Client()
    elsewhere.force_login(jane)
    client.post("/password-reset/", {"email": jane.email})
    client.post(opened(client, mailed_path()), NEW_TWICE)
    assert elsewhere.get("/login/").status_code == 200


def test_an_unknown_address_gets_the_same_answer_by_the_same_work(jane: User) -> None:
    known = statements_of(Client(), "/password-reset/", {"email": "jane@example.org"})
    unknown = statements_of(Client(), "/password-reset/", {"email": "joan@example.org"})
    assert known == unknown == (ANY, "/password-reset/sent/")
    assert sorted(mail.to[0] for mail in Email.objects.all()) == [
        "jane@example.org",
        "joan@example.org",
    ]


def test_an_unknown_address_is_told_by_mail(client: Client) -> None:
    client.post("/password-reset/", {"email": "joan@example.org"})
    assert the_mail().subject == "No password to reset"
    assert mailed_path() == "/register/"


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!unusable"}])
def test_an_account_that_cannot_log_in_gets_no_link(client: Client, jane: User, change: dict[str, object]) -> None:
    User.objects.update(**change)
    client.post("/password-reset/", {"email": jane.email})
    assert the_mail().subject == "No password to reset"
    assert mailed_path() == "/register/"


def test_a_link_works_once(client: Client, jane: User) -> None:
    client.post("/password-reset/", {"email": jane.email})
    path = mailed_path()
    form = opened(client, path)
    client.post(form, NEW_TWICE)
    for again in (client.get(path), client.post(form, NEW_TWICE), Client().get(path)):
        assert again.status_code == 410
        assert "Ask for a new link" in again.content.decode()


def test_a_link_is_spent_once_the_person_has_logged_in(client: Client, jane: User) -> None:
    client.post("/password-reset/", {"email": jane.email})
    Client().post("/login/", {"username": jane.email, "password": PASSWORD})
    assert client.get(mailed_path()).status_code == 410


def test_a_link_is_too_old_after_three_hours(client: Client, jane: User) -> None:
    key = urlsafe_base64_encode(force_bytes(jane.pk))
    path = f"/password-reset/{key}/{OldTokens().make_token(jane)}/"
    assert client.get(path).status_code == 410


@pytest.mark.parametrize("path", ["MQ/x-y", "nonsense/x-y", "MQ/set-password", "_w/x"])
def test_a_link_that_was_never_written_sets_nothing(client: Client, jane: User, path: str) -> None:
    assert client.get(f"/password-reset/{path}/").status_code == 410
    assert client.post(f"/password-reset/{path}/", NEW_TWICE).status_code == 410
    jane.refresh_from_db()
    assert jane.check_password(PASSWORD)


def test_links_lead_to_the_site_whatever_host_the_request_names(client: Client, jane: User) -> None:
    client.post(
        "/password-reset/",
        {"email": jane.email},
        headers={"host": "localhost", "x-forwarded-host": "evil.example"},
    )
    assert "https://portal.example/password-reset/" in the_mail().message
    assert "localhost" not in the_mail().message
    assert "evil.example" not in the_mail().message


@pytest.mark.parametrize(
    "address",
    ["", "jane", "jane@example.org\nBcc: eve@example.net", '"a,eve@example.net,b"@example.org'],
)
def test_an_address_that_is_none_mails_nothing(client: Client, address: str) -> None:
    response = client.post("/password-reset/", {"email": address})
    assert response.status_code == 200
    assert 'id="id_email_error"' in response.content.decode()
    assert not Email.objects.exists()


@pytest.mark.parametrize(
    ("first", "second", "field"),
    [
        (NEW, "different", "new_password2"),
        ("short", "short", "new_password1"),
        ("", "", "new_password1"),
    ],
)
def test_a_bad_new_password_is_told_beside_its_field(
    client: Client, jane: User, first: str, second: str, field: str
) -> None:
    client.post("/password-reset/", {"email": jane.email})
    form = opened(client, mailed_path())
    response = client.post(form, {"new_password1": first, "new_password2": second})
    assert response.status_code == 200
    assert f'id="id_{field}_error"' in response.content.decode()
    jane.refresh_from_db()
    assert jane.check_password(PASSWORD)
