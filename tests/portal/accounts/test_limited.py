import pytest
from django.test import Client

from portal.accounts.models import User

from .conftest import PASSWORD
from .doing import mailed_path

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.server,
    pytest.mark.usefixtures("policies"),
]


@pytest.mark.parametrize(("path", "allowed"), [("/login/", 5), ("/register/", 5), ("/password-reset/", 3)])
def test_posts_are_limited_and_the_form_can_still_be_read(client: Client, path: str, allowed: int) -> None:
    statuses = [client.post(path, {}).status_code for _ in range(allowed + 1)]
    assert statuses == [200] * allowed + [429]
    assert client.get(path).status_code == 200


def test_setting_the_new_password_counts_with_asking_for_it(client: Client, jane: User) -> None:
    client.post("/password-reset/", {"email": jane.email})
    form = client.get(mailed_path())["Location"]
    wrong = {"new_password1": "short", "new_password2": "short"}
    assert [client.post(form, wrong).status_code for _ in range(3)] == [200, 200, 429]


def test_the_login_of_the_admin_counts_with_the_login_of_the_site(client: Client) -> None:
    for path in ["/login/", "/admin/login/"] * 2 + ["/login/"]:
        assert client.post(path, {"username": "x", "password": PASSWORD}).status_code == 200
    assert client.post("/admin/login/", {"username": "x", "password": PASSWORD}).status_code == 429
