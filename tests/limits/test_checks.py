"""Mistakes between code, settings and policies are told at start. Tests compare ids, never wording."""

import os
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import Settings

import limits
from limits.core.rates import Rate
from limits.middleware import LimitsMiddleware
from limits.models import Policy
from limits.store import server
from tests.limits.management.running import manage

pytestmark = pytest.mark.django_db
on_mariadb = pytest.mark.mariadb
FIRST, LIMITS = "limits.middleware.KnownRefusalsMiddleware", "limits.middleware.LimitsMiddleware"


class OfTheSite(LimitsMiddleware):
    """A site's own kind of ours."""


def ids(*tags: str, databases: list[str] | None = None) -> list[str | None]:
    """Return the ids of what the checks tell of our own."""
    told = run_checks(tags=tags or None, databases=databases)
    return [message.id for message in told if str(message.id).startswith(("limits.", "portal."))]


def test_the_site_as_it_is_passes_every_check() -> None:
    call_command("check", databases=["default"], fail_level="WARNING")


@pytest.mark.urls("tests.limits.views")
def test_a_policy_that_code_names_and_nobody_made_is_an_error() -> None:
    told = [str(message) for message in run_checks(tags=["urls"]) if message.id == "limits.E001"]
    assert len(told) == 2
    assert "no-such-policy" in told[0]
    assert "outer" in told[1]


@pytest.mark.urls("tests.limits.views")
def test_while_migrations_wait_code_may_name_what_they_will_make() -> None:
    MigrationRecorder.Migration.objects.filter(app="portal", name="0001_default_policies").delete()
    assert ids("urls") == []


def test_a_default_policy_that_nobody_made_is_an_error(settings: Settings) -> None:
    settings.LIMITS_DEFAULT_POLICY = "everything"
    assert ids("urls") == ["limits.E001"]
    settings.LIMITS_DEFAULT_POLICY = ""
    assert ids("urls") == []


@pytest.mark.urls("tests.limits.views")
def test_a_view_of_plain_django_ratelimit_holds_one_rate(settings: Settings) -> None:
    assert "limits.W003" not in ids("urls")
    Policy.objects.filter(slug="login").update(rates=(Rate(5, 60), Rate(20, 3600)))
    assert ids("urls").count("limits.W003") == 4


@pytest.mark.urls("tests.limits.views")
@pytest.mark.parametrize(
    "changes", [{"algorithm": "token-bucket"}, {"algorithm": "sliding-window"}, {"penalty_seconds": 60}, {"cost": 2}]
)
def test_a_view_of_plain_django_ratelimit_knows_a_fixed_window_alone(changes: dict[str, object]) -> None:
    Policy.objects.filter(slug="login").update(**changes)
    assert ids("urls").count("limits.W003") == 4


def test_a_policy_for_a_view_that_is_gone_is_told() -> None:
    Policy.objects.filter(slug="register").update(view="home")
    assert ids("urls") == []
    Policy.objects.filter(slug="register").update(view="gone")
    assert ids("urls") == ["limits.W004"]
    Policy.objects.filter(slug="register").update(mode="off")
    assert ids("urls") == []


@pytest.mark.parametrize("changes", [{"view": "home"}, {"path": "/shop/**"}])
def test_a_policy_by_view_or_path_that_nothing_enforces_is_an_error(
    settings: Settings, changes: dict[str, str]
) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith("limits.")]
    assert ids("urls") == []
    Policy.objects.filter(slug="register").update(**changes)
    assert ids("urls") == ["limits.E006"]
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.limits.test_checks.OfTheSite", FIRST]
    assert "limits.E006" not in ids("urls")


def test_known_refusals_that_are_answered_late_or_never_are_told(settings: Settings) -> None:
    as_it_is = settings.MIDDLEWARE
    settings.MIDDLEWARE = [name for name in as_it_is if name != FIRST]
    assert ids("urls") == ["limits.W005"]
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, FIRST]
    assert ids("urls") == ["limits.W005"]
    settings.MIDDLEWARE = [FIRST, *settings.MIDDLEWARE[:-1]]
    assert ids("urls") == []


def test_limits_before_the_authentication_are_told(settings: Settings) -> None:
    without = [name for name in settings.MIDDLEWARE if name not in (FIRST, LIMITS)]
    settings.MIDDLEWARE = [FIRST, LIMITS, *without]
    assert ids("urls") == ["limits.W006"]


def test_several_rates_behind_our_own_decorator_are_no_mistake() -> None:
    Policy.objects.filter(slug="login").update(rates=(Rate(5, 60), Rate(20, 3600)))
    assert ids("urls") == []


@pytest.mark.parametrize("alias", ["default", "missing"])
def test_a_cache_of_another_kind_is_an_error(settings: Settings, alias: str) -> None:
    settings.RATELIMIT_USE_CACHE = alias
    assert "limits.E002" in ids("caches")


def test_a_server_that_is_too_old_is_an_error(redis_server: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ids("caches") == []
    monkeypatch.setattr(server, "OLDEST_MAJOR_VERSION", 99)
    assert ids("caches") == ["limits.E005"]
    with pytest.raises(ImproperlyConfigured, match=r"is Redis 7\.\d+\.\d+"):
        limits.start()


def test_a_unix_socket_without_trusted_proxies_is_an_error(settings: Settings) -> None:
    settings.BIND = "unix:/run/portal.sock"
    assert ids("security") == ["portal.E003"]
    settings.LIMITS_TRUSTED_PROXIES = (ip_network("127.0.0.1"),)
    assert ids("security") == []


@pytest.mark.parametrize("url", ["", "mysql://nobody:x@127.0.0.1:1/nothing"])
def test_checks_run_before_the_first_migration(tmp_path: Path, url: str) -> None:
    done = manage("check", var=tmp_path, DATABASE_URL=url)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


@on_mariadb
def test_checks_run_on_an_empty_mariadb(tmp_path: Path) -> None:
    done = manage("check", "--database", "default", var=tmp_path, DATABASE_URL=os.environ["DATABASE_URL"])
    assert (done.returncode, done.stderr) == (0, "")


@on_mariadb
def test_a_database_without_strict_mode_is_told(tmp_path: Path) -> None:
    lax = quote("SET sql_mode=''")
    url = f"{os.environ['DATABASE_URL']}?init_command={lax}"
    done = manage("check", "--database", "default", var=tmp_path, DATABASE_URL=url)
    assert "mysql.W002" in done.stderr


@pytest.fixture
def latin_database(transactional_db: None, django_db_serialized_rollback: None) -> Iterator[None]:
    """The test's own database, as one that stores latin1 in new tables."""

    def store(character_set: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE CHARACTER SET {character_set}")

    store("latin1")
    yield
    store("utf8mb4 COLLATE utf8mb4_general_ci")


@on_mariadb
def test_a_database_that_would_lose_characters_is_told(latin_database: None) -> None:
    assert ids("database", databases=["default"]) == ["portal.W002"]
    assert ids("database", databases=[]) == []


def test_a_database_that_keeps_them_is_fine() -> None:
    assert ids("database", databases=["default"]) == []
