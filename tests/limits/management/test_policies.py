"""`policies list`, `policies sync`, `policies sync --check`."""

from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.core.management import CommandError, call_command

from limits import services, sync
from limits.core import keys
from limits.core.rates import Rate
from limits.models import Policy
from limits.services import Actor
from limits.store import documents

from .running import manage


def edit_login() -> None:
    policy = Policy.objects.get(slug="login")
    policy.rates, policy.mode = (Rate(2, 60),), "off"
    services.save_policy(policy, actor=Actor(name="somebody", origin="a test"))


def test_the_list_shows_each_policy(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    edit_login()
    call_command("policies", "list")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["api-search", "default", "login", "password-reset", "register"]
    assert "30 per minute; by user; every method" in lines[0]
    assert "200 per day, 50 per hour; by ip" in lines[1]
    assert "2 per minute; by ip; POST  (off)" in lines[2]


def test_the_list_shows_what_is_not_as_usual(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    changes = {"mode": "shadow", "algorithm": "token-bucket", "rates": (Rate(10, 60, burst=20),), "path": "/login/**"}
    Policy.objects.filter(slug="login").update(**changes)
    Policy.objects.filter(slug="register").update(view="accounts:register")
    call_command("policies", "list")
    login, _, register = capsys.readouterr().out.splitlines()[2:]
    assert "10 per minute burst 20; by ip; POST; token bucket; path /login/**  (shadow)" in login
    assert "5 per hour; by ip; POST; view accounts:register" in register


def test_sync_writes_once(db: None, redis_server: redis.Redis, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("policies", "sync")
    assert sync.compare().in_step
    written = documents.published()
    call_command("policies", "sync")
    assert documents.published() == written
    assert capsys.readouterr().out.splitlines() == ["Redis has the policies now.", "Redis has the policies already."]


def test_check_says_in_step(policies: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("policies", "sync", "--check")
    assert capsys.readouterr().out.startswith("In step")


def test_check_names_what_differs_and_writes_nothing(policies: None) -> None:
    edit_login()
    Policy.objects.create(slug="new", title="New", key="ip", rates="1/m")
    Policy.objects.filter(slug="register").delete()
    before = documents.published()
    with pytest.raises(CommandError) as refusal:
        call_command("policies", "sync", "--check")
    assert str(refusal.value) == "Redis is not in step: missing: new; too many: register; different: login."
    assert documents.published() == before


def test_check_tells_an_older_version_of_equal_policies(policies: None, redis_server: redis.Redis) -> None:
    _, digest = documents.published().version.split("-")
    redis_server.hset(keys.POLICIES, "version", f"0-{digest}")
    with pytest.raises(CommandError, match="older version"):
        call_command("policies", "sync", "--check")


@pytest.mark.parametrize("damage", ["{", '{"format":1}', '{"format":2}\n{}', "[]", "\xff"])
def test_a_damaged_document_is_out_of_step_and_mended(policies: None, redis_server: redis.Redis, damage: str) -> None:
    redis_server.hset(keys.POLICIES, "document", damage)
    with pytest.raises(CommandError, match="missing: api-search, default"):
        call_command("policies", "sync", "--check")
    call_command("policies", "sync")
    assert sync.compare().in_step


@pytest.mark.parametrize("arguments", [["sync"], ["sync", "--check"]])
def test_a_redis_that_is_away_is_one_plain_line(db: None, arguments: list[str]) -> None:
    with pytest.raises(CommandError) as refusal:
        call_command("policies", *arguments)
    assert str(refusal.value).startswith("Redis cannot be reached")
    assert ("It is not known whether everything was written: try again." in str(refusal.value)) == (
        "--check" not in arguments
    )
    assert "\n" not in str(refusal.value)


def test_in_a_process_of_its_own_it_ends_well_or_with_one_plain_line(
    installed_var: Path, redis_server: redis.Redis
) -> None:
    def policies(*arguments: str, url: str = settings.REDIS.url) -> tuple[int, str]:
        done = manage("policies", *arguments, var=installed_var, REDIS_URL=url)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr

    code, words = policies("sync", "--check")
    assert (code, words.count("\n")) == (1, 1)
    assert "missing: api-search, default" in words
    assert policies("sync") == (0, "")
    assert policies("sync", "--check") == (0, "")
    assert policies("list") == (0, "")
    for arguments in (["sync"], ["sync", "--check"]):
        code, words = policies(*arguments, url="redis://127.0.0.1:1")
        assert (code, words.count("\n")) == (1, 1)
        assert "Redis cannot be reached" in words


def test_without_a_database_it_is_one_plain_line(tmp_path: Path) -> None:
    for command in (["policies", "list"], ["policies", "sync"], ["limits", "show", "login"]):
        done = manage(*command, var=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert "Traceback" not in done.stderr


def test_a_mode_is_set_where_the_admin_cannot_be_reached(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("policies", "mode", "login", "off")
    call_command("policies", "mode", "login", "off")
    assert capsys.readouterr().out.splitlines() == ["login: off.", "login: off already."]
    assert Policy.objects.get(slug="login").mode == "off"


def test_the_mode_of_a_policy_that_is_not_there_is_told(db: None) -> None:
    with pytest.raises(CommandError, match=r"There is no policy “nope”\. There are: api-search, default"):
        call_command("policies", "mode", "nope", "off")
