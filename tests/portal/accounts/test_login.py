import pytest
from django.test import Client

from portal.accounts.models import User

from .conftest import PASSWORD

pytestmark = pytest.mark.django_db


def log_in(client: Client, name: str = "jane@example.org", password: str = PASSWORD, **more: str) -> str:
    response = client.post("/login/", {"username": name, "password": password, **more})
    assert response.status_code == 302, response.content
    return response["Location"]


@pytest.mark.parametrize("typed", ["jane@example.org", "Jane@EXAMPLE.org"])
def test_a_person_logs_in_by_address_in_any_case(client: Client, jane: User, typed: str) -> None:
    assert log_in(client, typed) == "/"
    assert client.session["_auth_user_id"] == str(jane.pk)


@pytest.mark.parametrize("typed", ["admin", "Boss@example.org"])
def test_staff_log_in_by_user_name_or_address(client: Client, admin_person: User, typed: str) -> None:
    assert log_in(client, typed) == "/"


def test_staff_log_in_to_the_admin_by_address(client: Client, admin_person: User) -> None:
    response = client.post("/admin/login/?next=/admin/", {"username": "Boss@example.org", "password": PASSWORD})
    assert response.status_code == 302


@pytest.mark.parametrize(
    ("name", "password"),
    [("jane@example.org", "wrong"), ("nobody@example.org", PASSWORD), ("nobody", PASSWORD)],
)
def test_a_wrong_password_and_an_unknown_name_get_the_same_text(
    client: Client, jane: User, name: str, password: str
) -> None:
    response = client.post("/login/", {"username": name, "password": password})
    assert response.status_code == 200
    assert "No account has this name and this password." in response.content.decode()


def test_an_inactive_person_gets_that_text_too(client: Client, jane: User) -> None:
    User.objects.update(is_active=False)
    response = client.post("/login/", {"username": jane.email, "password": PASSWORD})
    assert "No account has this name and this password." in response.content.decode()


def test_what_was_typed_is_kept_but_the_password(client: Client) -> None:
    page = client.post("/login/", {"username": "<Jane>", "password": "hunter-two"}).content.decode()
    assert 'value="&lt;Jane&gt;"' in page
    assert "hunter-two" not in page


def test_an_empty_form_tells_beside_each_field(client: Client) -> None:
    page = client.post("/login/").content.decode()
    for field in ("username", "password"):
        assert f'id="id_{field}_error"' in page
        assert f'aria-describedby="id_{field}_error"' in page
    assert page.count('aria-invalid="true"') == 2
    assert "<title>Error: " in page


def test_next_is_kept_through_the_form(client: Client, jane: User) -> None:
    page = client.get("/login/?next=/%3Fq%3Dwhale").content.decode()
    assert '<input type="hidden" name="next" value="/?q=whale">' in page
    page = client.post("/login/", {"username": "x", "password": "y", "next": "/?q=whale"}).content.decode()
    assert '<input type="hidden" name="next" value="/?q=whale">' in page
    assert log_in(client, next="/?q=whale") == "/?q=whale"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "///evil.example",
    ],
)
def test_next_never_leads_to_another_site(client: Client, jane: User, elsewhere: str) -> None:
    assert 'name="next"' not in client.get("/login/", {"next": elsewhere}).content.decode()
    assert log_in(client, next=elsewhere) == "/"


def test_whoever_is_logged_in_is_sent_on(client: Client, jane: User) -> None:
    client.force_login(jane)
    for path in ("/login/", "/register/"):
        response = client.get(path)
        assert (response.status_code, response["Location"]) == (302, "/")


def test_logging_in_changes_the_session_key(client: Client, jane: User) -> None:
    session = client.session
    session["before"] = True
    session.save()
    before = session.session_key
    log_in(client)
    assert client.session.session_key != before


def test_logging_out_takes_a_post(client: Client, jane: User) -> None:
    client.force_login(jane)
    assert client.get("/logout/").status_code == 405
    response = client.post("/logout/")
    assert (response.status_code, response["Location"]) == (302, "/")
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("path", ["/login/", "/register/", "/password-reset/", "/logout/"])
def test_a_form_without_its_token_is_refused_with_a_page(jane: User, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post(path, {"username": jane.email, "password": PASSWORD})
    assert response.status_code == 403
    assert "This page was open too long" in response.content.decode()
