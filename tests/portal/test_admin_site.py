"""The admin's login counts with the site's; the rest of the admin is not limited."""

import pytest
import redis
from django.test import Client

from limits.core.policies import Counts
from limits.core.rates import Rate
from portal.accounts.models import User
from tests.limits import making

pytestmark = pytest.mark.django_db

WRONG = {"username": "chief", "password": "a guess"}


@pytest.fixture
def chief(db: None) -> User:
    return User.objects.create_superuser("chief", "chief@example.org")


def test_five_tries_in_all_at_both_login_pages(client: Client, policies: None) -> None:
    paths = ["/admin/login/", "/login/", "/admin/login/?next=/admin/", "/login/?next=/", "/admin/login/"]
    assert [client.post(path, WRONG).status_code for path in paths] == [200] * 5
    for path in paths:
        answer = client.post(path, WRONG)
        assert answer.status_code == 429
        assert 1 <= int(answer["Retry-After"]) <= 60
        assert answer["RateLimit-Policy"] == '"login";q=5;w=60'
        assert answer["RateLimit"].startswith('"login";r=0;t=')


def test_a_browser_is_refused_with_a_page_and_may_still_look_at_the_form(client: Client, policies: None) -> None:
    for _ in range(6):
        answer = client.post("/admin/login/", WRONG, headers={"Accept": "text/html"})
    assert answer.status_code == 429
    assert "Logging in" in answer.content.decode()
    assert client.get("/admin/login/").status_code == 200


def test_another_address_is_counted_apart(client: Client, policies: None) -> None:
    for _ in range(6):
        client.post("/admin/login/", WRONG)
    assert client.post("/admin/login/", WRONG, REMOTE_ADDR="198.51.100.1").status_code == 200


def test_a_right_password_counts_as_well(client: Client, chief: User, policies: None) -> None:
    chief.set_password("correct horse battery")
    chief.save()
    answer = client.post("/admin/login/", WRONG | {"password": "correct horse battery"})
    assert (answer.status_code, answer["RateLimit"].split(";")[1]) == (302, "r=4")


def test_guessing_the_old_password_counts_among_failed_logins(
    client: Client, chief: User, redis_server: redis.Redis
) -> None:
    making.put_in_force(making.policy("login", Rate(2, 60), methods=("POST",), counts=Counts.FAILED_LOGINS))
    chief.set_password("correct horse battery")
    chief.save()
    client.force_login(chief)

    def change(old: str, new: str) -> int:
        told = {"old_password": old, "new_password1": new, "new_password2": new}
        return client.post("/admin/password_change/", told).status_code

    # A new password that is not taken is no guess; nor is one that is.
    assert [change("correct horse battery", new) for new in ("1", "2", "staple battery horse")] == [200, 200, 302]
    assert [change("a guess", "another battery") for _ in range(3)] == [200, 200, 429]


def test_the_rest_of_the_admin_is_exempt_from_the_default_policy(
    client: Client, chief: User, redis_server: redis.Redis
) -> None:
    making.put_in_force(making.policy("default", Rate(1, 60)), making.policy("login", Rate(5, 60), methods=("POST",)))
    client.force_login(chief)
    for path in ("/admin/", "/admin/limits/policy/", "/admin/login/", "/admin/jsi18n/", "/admin/no-such-page/"):
        answers = [client.get(path) for _ in range(3)]
        assert {answer.status_code for answer in answers} & {429, 500} == set()
        assert all("RateLimit" not in answer for answer in answers)
    assert client.post("/admin/logout/").status_code == 302
    assert redis_server.keys("rl:*") == []
