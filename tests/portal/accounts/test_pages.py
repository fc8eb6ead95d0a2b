import re

import pytest
from django.test import Client
from pytest_django import Settings

from portal.accounts.models import User

pytestmark = pytest.mark.django_db

PAGES = [
    "/login/",
    "/register/",
    "/register/sent/",
    "/register/confirm/x/",
    "/password-reset/",
    "/password-reset/sent/",
    "/password-reset/done/",
    "/password-reset/x/y/",
    "/no-such-page/",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_a_title_one_heading_and_nothing_inline(client: Client, path: str) -> None:
    page = client.get(path).content.decode()
    assert re.search(r"<title>[^<]+ – Portal</title>", page)
    assert page.count("<h1>") == 1
    assert '<a class="skip-link" href="#main">' in page
    assert "style=" not in page
    assert "<style" not in page
    assert "<script" not in page


@pytest.mark.parametrize("path", PAGES)
def test_every_input_has_a_label(client: Client, path: str) -> None:
    page = client.get(path).content.decode()
    for field in re.findall(r'<input (?!type="hidden")[^>]*id="([^"]+)"', page):
        assert f'<label for="{field}">' in page


@pytest.mark.parametrize(
    ("path", "field", "attributes"),
    [
        ("/login/", "username", ['autocomplete="username"', 'inputmode="email"']),
        ("/login/", "password", ['autocomplete="current-password"']),
        ("/register/", "email", ['autocomplete="email"', 'type="email"', 'inputmode="email"']),
        ("/register/", "password", ['autocomplete="new-password"', 'type="password"']),
        ("/password-reset/", "email", ['autocomplete="email"', 'type="email"']),
    ],
)
def test_browsers_are_told_what_each_field_takes(client: Client, path: str, field: str, attributes: list[str]) -> None:
    found = re.search(rf'<input [^>]*name="{field}"[^>]*>', client.get(path).content.decode())
    assert found
    for attribute in attributes:
        assert attribute in found[0]


def test_the_header_offers_login_or_logout(client: Client, jane: User) -> None:
    assert 'href="/login/"' in client.get("/register/sent/").content.decode()
    client.force_login(jane)
    page = client.get("/register/sent/").content.decode()
    assert "jane@example.org" in page
    assert 'action="/logout/"' in page
    assert 'href="/login/"' not in page


def test_an_error_inside_is_told_with_a_page(client: Client, settings: Settings) -> None:
    client.raise_request_exception = False
    settings.EMAIL_BACKEND = "no.such.backend"
    response = client.post("/password-reset/", {"email": "jane@example.org"})
    assert response.status_code == 500
    assert "Something went wrong here" in response.content.decode()
    assert 'href="/login/"' not in response.content.decode()


def test_a_bad_request_is_told_with_a_page(client: Client) -> None:
    response = client.get("/login/", headers={"host": "evil.example"})
    assert response.status_code == 400
    assert "This request cannot be understood" in response.content.decode()
