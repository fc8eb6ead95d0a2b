"""The doors: a view's decorator, the site's middleware, and plain django-ratelimit with our hooks."""

import json
import logging

import pytest
import redis
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from limits.core.client_keys import ClientKey
from limits.core.policies import Mode
from limits.core.rates import Rate
from tests.limits import making

Redis = redis.Redis
pytestmark = [pytest.mark.urls("tests.limits.views"), pytest.mark.django_db]
LOGIN = making.policy("login", Rate(2, 60), methods=("POST",))
DEFAULT = making.policy("default", Rate(4, 86_400), Rate(3, 3_600))
DOORS = ("/decorator", "/ratelimit", "/ratelimit-posts", "/ratelimit-class", "/class", "/method")
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(autouse=True)
def in_force(redis_server: Redis) -> None:
    making.put_in_force(LOGIN, DEFAULT)


@pytest.mark.parametrize("path", DOORS)
def test_the_third_request_is_refused_at_every_door(client: Client, path: str) -> None:
    assert [client.post(path).status_code for _ in range(4)] == [200, 200, 429, 429]


@pytest.mark.parametrize("path", DOORS)
def test_every_answer_tells_how_much_is_left(client: Client, path: str) -> None:
    first, _, third = (client.post(path) for _ in range(3))
    assert first["RateLimit-Policy"] == third["RateLimit-Policy"] == '"login";q=2;w=60'
    assert first["RateLimit"] == '"login";r=1;t=60'
    assert third["RateLimit"].startswith('"login";r=0;t=')
    assert "Retry-After" not in first
    assert 1 <= int(third["Retry-After"]) <= 60


def test_the_doors_share_one_count(client: Client, redis_server: Redis) -> None:
    assert [client.post(path).status_code for path in DOORS] == [200, 200, *[429] * (len(DOORS) - 2)]
    assert redis_server.keys("*") == [b"rl:{login:127.0.0.1}:60"]


def test_a_view_without_block_is_told(client: Client) -> None:
    assert [client.post("/unblocked").content for _ in range(3)] == [b"let in", b"let in", b"limited"]


def test_a_browser_is_refused_with_a_page(client: Client) -> None:
    answers = [client.post("/decorator", headers=BROWSER) for _ in range(3)]
    page = answers[-1].content.decode()
    assert answers[-1]["Content-Type"].startswith("text/html")
    assert "2 per minute" in page
    assert answers[-1]["Cache-Control"] == "no-store"


def test_other_clients_are_refused_with_problem_details(client: Client) -> None:
    answers = [client.post("/decorator") for _ in range(3)]
    problem = json.loads(answers[-1].content)
    assert answers[-1]["Content-Type"] == "application/problem+json"
    assert answers[-1]["Cache-Control"] == "no-store"
    assert problem["status"] == 429
    assert problem["policy"] == "login"
    assert str(problem["retry_after_seconds"]) == answers[-1]["Retry-After"]
    assert "2 per minute" in problem["detail"]


def test_a_refusal_logs_nothing(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("django").propagate = True
    try:
        for path in ("/decorator", "/ratelimit", "/plain"):
            for _ in range(5):
                client.post(path)
    finally:
        logging.getLogger("django").propagate = False
    assert caplog.records == []


def test_default_holds_for_what_no_other_policy_looked_at(client: Client) -> None:
    assert [client.get("/plain").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_default_leaves_alone_what_a_view_s_own_policy_covers(client: Client, redis_server: Redis) -> None:
    for path in DOORS:
        assert "default" not in client.post(path)["RateLimit-Policy"]
    assert redis_server.keys("rl:{default:*") == []


@pytest.mark.parametrize("path", DOORS)
def test_default_holds_for_the_methods_that_a_view_s_policy_leaves(client: Client, path: str) -> None:
    answers = [client.get(path) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    policies = '"default-86400";q=4;w=86400, "default-3600";q=3;w=3600'
    assert answers[0]["RateLimit-Policy"] == policies
    assert answers[3]["RateLimit"].startswith('"default-86400";r=1;t=86400, "default-3600";r=0;t=')


def test_default_holds_while_a_view_s_own_policy_is_off_or_gone(client: Client) -> None:
    making.put_in_force(making.policy("login", Rate(2, 60), mode=Mode.OFF), DEFAULT)
    assert [client.post("/decorator").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert [client.post("/nothing").status_code for _ in range(2)] == [429, 429]


def test_what_leads_nowhere_counts_too(client: Client) -> None:
    assert [client.get("/wp-login.php").status_code for _ in range(4)] == [404, 404, 404, 429]


def test_exempt_paths_are_not_counted(client: Client, redis_server: Redis, settings: Settings) -> None:
    settings.LIMITS_EXEMPT_PATHS = ("/exempt/",)
    assert [client.get("/exempt/").status_code for _ in range(5)] == [200] * 5
    assert redis_server.keys("*") == []


def test_only_the_very_path_is_exempt_unless_it_ends_in_a_slash(client: Client, settings: Settings) -> None:
    settings.LIMITS_EXEMPT_PATHS = ("/plain", "/exempt/")
    assert "RateLimit" not in client.get("/plain")
    assert "RateLimit" in client.get("/plainly-not")


def test_a_policy_of_all_methods_leaves_those_that_its_view_does_not_ask_about(client: Client) -> None:
    making.put_in_force(making.policy("login", Rate(2, 60)), DEFAULT)
    for path in ("/ratelimit-posts", "/method"):
        assert client.post(path)["RateLimit-Policy"].startswith('"login"')
        assert client.get(path)["RateLimit-Policy"].startswith('"default-86400"')


def test_what_a_middleware_answers_is_counted(redis_server: Redis) -> None:
    client = Client(enforce_csrf_checks=True)
    assert [client.post("/decorator").status_code for _ in range(4)] == [403, 403, 403, 429]
    assert redis_server.keys("rl:{login:*") == []
    elsewhere = {"REMOTE_ADDR": "203.0.113.1", "HTTP_HOST": "evil.example"}
    assert [client.get("/plain", **elsewhere).status_code for _ in range(4)] == [400] * 3 + [429]  # type: ignore[arg-type]


def test_the_setting_that_switches_django_ratelimit_off_switches_all_off(
    client: Client, settings: Settings, redis_server: Redis
) -> None:
    client.post("/decorator")
    settings.RATELIMIT_ENABLE = False
    for path in (*DOORS, "/plain"):
        assert [client.post(path).status_code for _ in range(5)] == [200] * 5
    assert redis_server.get("rl:{login:127.0.0.1}:60") == b"1"


def test_a_cache_keeps_page_and_problem_apart(client: Client) -> None:
    answers = [client.post("/decorator") for _ in range(3)]
    assert "Accept" in answers[-1]["Vary"]


def test_head_counts_as_get(client: Client) -> None:
    assert [client.head("/plain").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_every_policy_that_looked_is_named(client: Client) -> None:
    making.put_in_force(LOGIN, making.policy("outer", Rate(9, 60)), DEFAULT)
    assert client.post("/two")["RateLimit-Policy"] == '"outer";q=9;w=60, "login";q=2;w=60'


def test_addresses_are_counted_apart(client: Client) -> None:
    for _ in range(3):
        client.post("/decorator", REMOTE_ADDR="203.0.113.1")
    assert client.post("/decorator", REMOTE_ADDR="203.0.113.1").status_code == 429
    assert client.post("/decorator", REMOTE_ADDR="203.0.113.2").status_code == 200


def test_a_request_without_an_address_counts_as_unknown(client: Client, redis_server: Redis) -> None:
    assert [client.post("/ratelimit", REMOTE_ADDR="").status_code for _ in range(3)] == [200, 200, 429]
    assert redis_server.keys("*") == [b"rl:{login:unknown}:60"]


def test_users_are_counted_apart_and_strangers_by_address(client: Client, admin_client: Client) -> None:
    making.put_in_force(making.policy("login", Rate(2, 60), key=ClientKey("user")))
    for _ in range(2):
        client.post("/decorator", REMOTE_ADDR="203.0.113.1")
    assert client.post("/decorator", REMOTE_ADDR="203.0.113.1").status_code == 429
    assert client.post("/decorator", REMOTE_ADDR="203.0.113.2").status_code == 200
    assert admin_client.post("/decorator", REMOTE_ADDR="203.0.113.1").status_code == 200


def test_a_field_with_line_breaks_and_megabytes_is_counted(client: Client, redis_server: Redis) -> None:
    making.put_in_force(making.policy("login", Rate(1, 60), key=ClientKey("field", "name")))
    typed = {"name": "a\r\nX-Evil: 1 " + "z" * 500_000}
    answers: list[HttpResponse] = [client.post("/decorator", typed) for _ in range(2)]  # type: ignore[misc]
    assert [answer.status_code for answer in answers] == [200, 429]
    (name,) = redis_server.keys("*")
    assert len(name) < 60
    assert "X-Evil" not in answers[1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ClientKey("ip"), ClientKey("user or ip")),
        (ClientKey("user"), ClientKey("user or ip")),
        (ClientKey("header", "X-Api-Key"), ClientKey("header", "X-Other-Key")),
        (ClientKey("field", "name"), ClientKey("field", "email")),
        (ClientKey("header", "X-Missing"), ClientKey("header", "X-Missing-Too")),
    ],
)
def test_an_edit_of_who_is_counted_starts_afresh(client: Client, before: ClientKey, after: ClientKey) -> None:
    def statuses() -> list[int]:
        typed, headers = {"name": "ann", "email": "ann"}, {"X-Api-Key": "ann", "X-Other-Key": "ann"}
        return [client.post("/decorator", typed, headers=headers).status_code for _ in range(3)]

    making.put_in_force(making.policy("login", Rate(2, 60), key=before))
    assert statuses() == [200, 200, 429]
    making.put_in_force(making.policy("login", Rate(2, 60), key=after))
    assert statuses() == [200, 200, 429]


def test_an_edit_of_the_period_starts_afresh_and_one_of_the_limit_keeps_the_counts(client: Client) -> None:
    assert [client.post("/decorator").status_code for _ in range(3)] == [200, 200, 429]
    making.put_in_force(making.policy("login", Rate(4, 60)))
    assert [client.post("/decorator").status_code for _ in range(3)] == [200, 200, 429]
    making.put_in_force(making.policy("login", Rate(2, 3600)))
    assert [client.post("/decorator").status_code for _ in range(3)] == [200, 200, 429]
