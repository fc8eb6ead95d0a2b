"""`limits show POLICY [CLIENT]`, `limits reset POLICY CLIENT`."""

from copy import copy
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.http import HttpRequest

from limits import enforcement, identity
from limits.core import keys
from limits.core.client_keys import ClientKey, parse_client_key
from limits.core.rates import Rate
from limits.models import Policy, Revision
from limits.refusals import refusals
from limits.services.live import COUNTERS
from portal.accounts.models import User
from tests.limits import making

from .running import manage

ADDRESS = "203.0.113.9"


def counted_by(key: str) -> None:
    """Let `login` count twice a minute by that key, in the database and in this process."""
    Policy.objects.filter(slug="login").update(key=key, rates="2/m")
    making.put_in_force(making.policy("login", Rate(2, 60), key=parse_client_key(key)))


def use_up(request: HttpRequest) -> None:
    """Send the request until it is refused, each time anew."""
    while enforcement.check(copy(request), "login").allowed:  # type: ignore[union-attr]
        pass


def remaining(request: HttpRequest) -> int:
    """Return what is left of the limit after one request more."""
    decision = enforcement.check(copy(request), "login")
    assert decision is not None
    return decision.states[0].remaining


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    call_command("limits", "show", *arguments)
    return capsys.readouterr().out.splitlines()


def test_a_policy_shows_its_clients_most_counted_first(
    db: None, redis_server: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    counted_by("ip")
    enforcement.check(making.request(address="198.51.100.1"), "login")
    use_up(making.request(address=ADDRESS))
    lines = shown(capsys, "login")
    assert [line.split(": ")[0] for line in lines] == [ADDRESS, "198.51.100.1"]
    assert lines[0] == f"{ADDRESS}: 2 of 2 per minute, ends in 1 minute, used up"
    assert shown(capsys, "register") == ["Nobody is counted by register now."]


def test_every_rate_of_a_policy_is_shown(
    policies: None, redis_server: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    making.put_in_force(making.policy("default", Rate(200, 86_400), Rate(50, 3600)))
    enforcement.check(making.request(), "default")
    assert {line.split(", ")[0] for line in shown(capsys, "default", ADDRESS)} == {
        f"{ADDRESS}: 1 of 200 per day",
        f"{ADDRESS}: 1 of 50 per hour",
    }


def user_request() -> tuple[HttpRequest, str]:
    request = making.request()
    request.user = User.objects.create_user("jane", "jane@example.org")
    return request, str(request.user.pk)


CLIENTS = {
    "address": ("ip", lambda: (making.request(), ADDRESS)),
    "address of IPv6": ("ip", lambda: (making.request(address="2001:db8::1"), "2001:DB8:0::ffff")),
    "user": ("user", user_request),
    "user by name": ("user", lambda: (user_request()[0], "jane")),
    "user by mail address": ("user", lambda: (user_request()[0], "jane@example.org")),
    "everyone": ("everyone", lambda: (making.request(), "everyone")),
    "address and header": (
        "ip and header:X-Api-Key",
        lambda: (making.request(**{"X-Api-Key": "Open Sesame"}), f"{ADDRESS} and open sesame"),
    ),
    "user or address": ("user or ip", user_request),
    "nobody": ("user", lambda: (making.request(), ADDRESS)),
    "header": ("header:X-Api-Key", lambda: (making.request(**{"X-Api-Key": "Open Sesame"}), "open  sesame")),
    "no header, as it is shown": ("header:X-Api-Key", lambda: (making.request(), f"header:X-Api-Key=@{ADDRESS}")),
    "user, as it is shown": ("user", lambda: (user_request()[0], f"user={User.objects.get().pk}")),
    "header with glob signs": ("header:X-Api-Key", lambda: (making.request(**{"X-Api-Key": "*"}), "*")),
    "no address": ("ip", lambda: (making.request(address=""), "unknown")),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_is_shown_and_forgiven_by_what_people_call_it(
    db: None, redis_server: redis.Redis, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    key, make = CLIENTS[name]
    counted_by(key)
    request, called = make()
    use_up(request)
    other = making.request(address="198.51.100.1", **{"X-Api-Key": "another"})
    remaining(other)
    (line,) = shown(capsys, "login", called)
    assert ": 2 of 2 per minute" in line
    call_command("limits", "reset", "login", called)
    refusals.forget_all()  # as the keeper does, which sees the epoch
    assert remaining(request) == 1
    assert remaining(other) == 0


@pytest.mark.parametrize("client", ["*", "203.0.113.?", "}:60", "", "x" * 5000, "[0-9]", "::1"])
def test_a_client_that_is_not_counted_is_told_and_nobody_else_forgiven(
    policies: None, redis_server: redis.Redis, client: str
) -> None:
    making.put_in_force(making.policy("login", Rate(5, 60)))
    enforcement.check(making.request(), "login")
    before = redis_server.dbsize()
    with pytest.raises(CommandError) as refusal:
        call_command("limits", "reset", "login", client)
    assert "nothing was changed" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert redis_server.dbsize() == before


@pytest.mark.parametrize("arguments", [["show", "sign-in"], ["show", "sign-in", "x"], ["reset", "*", ADDRESS]])
def test_an_unknown_policy_is_told_with_those_that_there_are(policies: None, arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="There are: api-search, default, login, password-reset, register"):
        call_command("limits", *arguments)


@pytest.mark.parametrize("arguments", [["show", "login"], ["show", "login", ADDRESS], ["reset", "login", ADDRESS]])
def test_a_redis_that_is_away_is_one_plain_line(db: None, arguments: list[str]) -> None:
    with pytest.raises(CommandError) as refusal:
        call_command("limits", *arguments)
    assert str(refusal.value).startswith("Redis cannot be reached")
    assert "\n" not in str(refusal.value)


def test_a_reset_of_which_nothing_is_known_says_so(policies: None, redis_server: redis.Redis) -> None:
    use_up(making.request())
    redis_server.hset(keys.POLICIES, "epoch", "no number")
    with pytest.raises(CommandError, match="It is not known whether the client was forgiven: try again"):
        call_command("limits", "reset", "login", ADDRESS)


def test_a_reset_is_kept_with_who_did_it(policies: None, redis_server: redis.Redis) -> None:
    use_up(making.request())
    call_command("limits", "reset", "login", ADDRESS)
    kept = Revision.objects.get(subject_type=COUNTERS)
    assert (kept.subject, kept.origin, kept.actor_id) == ("login", "limits reset", None)
    assert kept.before["counters"] == ["5 of 5 per minute"]


def test_a_part_is_told(policies: None, redis_server: redis.Redis, capsys: pytest.CaptureFixture[str]) -> None:
    with redis_server.pipeline() as pipe:
        for n in range(5000):
            pipe.set(f"rl:{{login:10.0.{n // 256}.{n % 256}}}:60", 1, ex=60)
        pipe.execute()
    lines = shown(capsys, "login", "--seconds", "0")
    assert len(lines) <= 101
    assert "This is a part: " in lines[-1]
    assert " of the 5,00" in lines[-1]
    assert lines[-1].endswith("Name a client to see it at once.")


def test_in_a_process_of_its_own_it_ends_well_or_with_one_plain_line(
    installed_var: Path, redis_server: redis.Redis
) -> None:
    making.put_in_force(making.policy("login", Rate(5, 60)))
    enforcement.check(making.request(), "login")

    def limits(*arguments: str, url: str = settings.REDIS.url) -> tuple[int, str, str]:
        done = manage("limits", *arguments, var=installed_var, REDIS_URL=url)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    code, words, _ = limits("show", "login")
    assert (code, words.startswith(f"{ADDRESS}: 1 of 5 per minute")) == (0, True)
    assert limits("reset", "login", ADDRESS) == (0, f"{ADDRESS} starts afresh under login.\n", "")
    for refused in (
        limits("reset", "login", ADDRESS),
        limits("show", "sign-in"),
        limits("show", "login", url="redis://127.0.0.1:1"),
    ):
        assert (refused[0], refused[2].count("\n")) == (1, 1)


def test_whom_people_mean_is_whom_requests_count() -> None:
    """One table for both: what `client_of` makes of a request, `client_named` makes of the word for it."""
    nobody = making.request()
    nobody.user = AnonymousUser()
    for kind in ("ip", "user", "user or ip"):
        key = ClientKey(kind)
        assert identity.client_named(ADDRESS, key=key) == identity.client_of(nobody, key=key)
