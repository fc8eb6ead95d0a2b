"""The lines about the site itself: where it counts, that it refuses, and what was arranged for a bad day."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.core.files.storage import storages
from django.test import Client
from django.utils import timezone
from post_office.models import Email
from pytest_django import Settings

from limits import sync
from limits.models import Policy, Revision
from portal.accounts.models import User
from portal.environment import folder_storage
from portal.operations.checklist import refusing
from portal.operations.checklist.lines import lines_of
from portal.operations.checklist.run import run
from portal.operations.checklist.values import State
from portal.operations.models import Channel

from .conftest import result_of

PASS, FAIL, UNKNOWN = State.PASS, State.FAIL, State.UNKNOWN
DOORS = ("login-refused", "reset-refused")


@pytest.fixture(autouse=True)
def _cheap_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.mark.parametrize("line", DOORS)
@pytest.mark.django_db
def test_login_and_reset_are_tried_and_found_to_refuse(policies: None, line: str) -> None:
    result = result_of(line)
    assert result.state is PASS
    assert {"login-refused": "The 6th", "reset-refused": "The 4th"}[line] in result.verdicts[0].found


@pytest.mark.django_db
def test_trying_leaves_nothing_behind(policies: None, redis_server: redis.Redis) -> None:
    before = set(redis_server.keys()), Revision.objects.count()
    list(run(lines_of(ids=(*DOORS, "limiter-counts"))))
    assert (set(redis_server.keys()), Revision.objects.count()) == before
    assert not Email.objects.exists()
    assert not User.objects.exists()


@pytest.mark.django_db
def test_trying_twice_finds_the_same(policies: None) -> None:
    assert [result_of("login-refused").verdicts for _ in range(2)] == [result_of("login-refused").verdicts] * 2


@pytest.mark.parametrize(("mode", "word"), [("shadow", "in shadow"), ("off", "is off")])
@pytest.mark.parametrize("line", DOORS)
@pytest.mark.django_db
def test_a_policy_that_refuses_nobody_fails(redis_server: redis.Redis, line: str, mode: str, word: str) -> None:
    Policy.objects.update(mode=mode)
    sync.reconcile()
    result = result_of(line)
    assert result.state is FAIL
    assert word in result.verdicts[0].found


@pytest.mark.django_db
def test_a_policy_for_other_methods_fails(redis_server: redis.Redis) -> None:
    Policy.objects.filter(slug="login").update(methods=("GET",))
    sync.reconcile()
    assert result_of("login-refused").state is FAIL


@pytest.mark.django_db
def test_a_policy_that_counts_nothing_of_it_fails(redis_server: redis.Redis) -> None:
    Policy.objects.filter(slug="password-reset").update(counts="client-errors")
    sync.reconcile()
    result = result_of("reset-refused")
    assert result.state is FAIL
    assert "4 requests for a reset in a row were let through" in result.verdicts[0].found


@pytest.mark.django_db
def test_a_policy_that_counts_failed_logins_is_seen_to_refuse(redis_server: redis.Redis) -> None:
    Policy.objects.filter(slug="login").update(counts="failed-logins")
    sync.reconcile()
    assert result_of("login-refused").state is PASS


@pytest.mark.django_db
def test_a_rate_that_lets_thousands_through_cannot_be_tried(policies: None) -> None:
    Policy.objects.filter(slug="login").update(rates="1000/m")
    sync.reconcile()
    assert result_of("login-refused").state is UNKNOWN


@pytest.mark.parametrize("key", ["everyone", "user", "header:X-Api-Key"])
@pytest.mark.django_db
def test_what_counts_others_too_is_neither_filled_nor_forgiven(
    key: str, redis_server: redis.Redis, client: Client
) -> None:
    Policy.objects.filter(slug="login").update(key=key)
    sync.reconcile()
    guess = {"username": "somebody", "password": "wrong"}
    guessed = [client.post("/login/", guess).status_code for _ in range(4)]
    assert result_of("login-refused").state is UNKNOWN
    guessed += [client.post("/login/", guess).status_code for _ in range(2)]
    assert guessed == [200] * 5 + [429]


@pytest.mark.django_db
def test_a_policy_that_counts_by_the_name_that_is_typed_is_tried(redis_server: redis.Redis) -> None:
    Policy.objects.filter(slug="login").update(key="field:username")
    sync.reconcile()
    assert result_of("login-refused").state is PASS


@pytest.mark.django_db
def test_looking_whether_the_limiter_counts_forgives_nobody_else(redis_server: redis.Redis, client: Client) -> None:
    Policy.objects.update(key="everyone")
    sync.reconcile()
    guess = {"username": "somebody", "password": "wrong"}
    list(run(lines_of(ids=("limiter-counts",))))
    guessed = [client.post("/login/", guess).status_code for _ in range(5)]
    list(run(lines_of(ids=("limiter-counts",))))
    assert [*guessed, client.post("/login/", guess).status_code][-1] == 429


@pytest.mark.django_db
def test_trying_ends_in_time(policies: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusing, "SECONDS_MAX", 0.0)
    assert result_of("login-refused").state is UNKNOWN


@pytest.mark.django_db
def test_the_limiter_is_seen_to_count_where_the_settings_say(policies: None) -> None:
    assert result_of("limiter-counts").state is PASS


@pytest.mark.django_db
def test_a_limiter_that_counts_elsewhere_is_found_out(policies: None, settings: Settings) -> None:
    settings.RATELIMIT_STORAGE = settings.RATELIMIT_STORAGE.with_database(9)
    assert result_of("limiter-counts").state is FAIL


@pytest.mark.django_db
def test_a_limiter_without_redis_is_found_out(db: None) -> None:
    assert result_of("limiter-counts").state is FAIL


@pytest.mark.django_db
def test_policies_in_step_are_seen(policies: None) -> None:
    assert result_of("policies-in-step").state is PASS


@pytest.mark.django_db
def test_policies_out_of_step_are_seen(redis_server: redis.Redis) -> None:
    result = result_of("policies-in-step")
    assert (result.state, result.verdicts[0].mend) == (FAIL, ("python manage.py policies sync",))


def test_counters_beside_the_cache_by_no_choice_of_anybody_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    assert result_of("storage-url").state is FAIL
    monkeypatch.setenv("RATELIMIT_STORAGE_URL", "unix:///somewhere?db=1")
    assert result_of("storage-url").state is PASS


def test_counters_in_the_database_of_the_cache_fail(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATELIMIT_STORAGE_URL", "unix:///somewhere")
    settings.RATELIMIT_STORAGE = settings.REDIS
    assert result_of("storage-url").state is FAIL


@pytest.mark.django_db
def test_a_site_without_https_is_found_by_django() -> None:
    result = result_of("deploy-check")
    assert result.state is FAIL
    assert "security.W012" in result.verdicts[0].found
    assert "SITE_URL" in result.verdicts[0].advice


@pytest.mark.django_db
def test_a_site_with_https_has_nothing_to_mend(settings: Settings) -> None:
    settings.SECURE_HSTS_SECONDS, settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE = 3600, True, True
    settings.SECRET_KEY = "a long key for tests, and for nothing else at all in the whole world"
    assert result_of("deploy-check").state is PASS


# Backups and alerts


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    settings.STORAGES = {**settings.STORAGES, "backups": folder_storage(tmp_path / "backups")}
    yield tmp_path / "backups"
    storages._storages.pop("backups", None)


@pytest.mark.django_db
def test_without_a_proven_backup_the_commands_that_make_one_are_told(folder: Path) -> None:
    result = result_of("backups-proven")
    assert result.state is FAIL
    assert result.verdicts[0].mend[0] == "python manage.py redis_backup --source redis"


@pytest.mark.django_db
def test_backups_on_the_disk_of_redis_fail(redis_server: redis.Redis, folder: Path) -> None:
    assert result_of("backups-elsewhere").state is FAIL


@pytest.mark.django_db
def test_backups_in_a_store_of_objects_pass(settings: Settings) -> None:
    settings.BACKUP_STORAGE_URL = "s3://bucket/folder"
    assert result_of("backups-elsewhere").state is PASS


@pytest.mark.django_db
def test_a_procedure_that_nobody_tried_is_not_known_to_be_known() -> None:
    assert result_of("restore-procedure").state is UNKNOWN


@pytest.mark.django_db
def test_nobody_to_tell_fails() -> None:
    assert result_of("alerts-tested").state is FAIL


@pytest.mark.parametrize(
    ("days_ago", "fails_since", "state"),
    [(None, None, FAIL), (1, None, PASS), (400, None, FAIL), (1, 1, FAIL)],
)
@pytest.mark.django_db
def test_a_channel_passes_once_a_test_came_through(days_ago: int | None, fails_since: int | None, state: State) -> None:
    now = timezone.now()
    Channel.objects.create(
        name="operators",
        address="ops@example.org",
        tested_at=None if days_ago is None else now - timedelta(days=days_ago),
        failing_since=None if fails_since is None else now - timedelta(days=fails_since),
    )
    assert result_of("alerts-tested").state is state
