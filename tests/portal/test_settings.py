"""Every variable of the table “Settings”: right values are taken, wrong ones are named with what would be right."""

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

Settings = dict[str, Any]

RECIPIENT = "age1" + "q" * 58

RIGHT = [
    ("PORT", "8001", "PORT", 8001),
    ("PORT", "8001", "SITE_URL", "http://127.0.0.1:8001"),
    ("BIND", "0.0.0.0", "BIND", "0.0.0.0"),
    ("BIND", "::", "BIND", "::"),
    ("BIND", "[::1]", "BIND", "::1"),
    ("BIND", "localhost", "BIND", "localhost"),
    ("BIND", "unix:/run/portal.sock", "BIND", "unix:/run/portal.sock"),
    ("WEB_CONCURRENCY", "4", "WEB_CONCURRENCY", 4),
    ("SECRET_KEY", "k" * 32, "SECRET_KEY", "k" * 32),
    ("DEBUG", "true", "DEBUG", True),
    ("DEBUG", "No", "DEBUG", False),
    ("DEBUG", "1", "DEBUG", True),
    ("ALLOWED_HOSTS", "example.org, .example.net,[::1]", "ALLOWED_HOSTS", ["example.org", ".example.net", "[::1]"]),
    ("ALLOWED_HOSTS", "*", "ALLOWED_HOSTS", ["*"]),
    (
        "CSRF_TRUSTED_ORIGINS",
        "https://example.org,https://*.example.net:8443",
        "CSRF_TRUSTED_ORIGINS",
        ["https://example.org", "https://*.example.net:8443"],
    ),
    ("TIME_ZONE", "Europe/Vienna", "TIME_ZONE", "Europe/Vienna"),
    ("TIME_ZONE", "Europe/Vienna", "CELERY_TIMEZONE", "Europe/Vienna"),
    ("DEFAULT_FROM_EMAIL", "books@example.org", "DEFAULT_FROM_EMAIL", "books@example.org"),
    ("DEFAULT_FROM_EMAIL", "The Books <books@example.org>", "DEFAULT_FROM_EMAIL", "The Books <books@example.org>"),
    ("SITE_URL", "https://example.org/", "SITE_URL", "https://example.org"),
    ("SITE_URL", "https://example.org", "SESSION_COOKIE_SECURE", True),
    ("SITE_URL", "https://example.org", "CSRF_COOKIE_SECURE", True),
    ("SITE_URL", "https://example.org", "SECURE_HSTS_SECONDS", 30 * 86_400),
    ("SITE_URL", "https://example.org", "CSRF_TRUSTED_ORIGINS", ["https://example.org"]),
    ("SITE_URL", "https://example.org", "DEFAULT_FROM_EMAIL", "Portal <portal@example.org>"),
    ("SITE_URL", "http://example.org", "SESSION_COOKIE_SECURE", False),
    ("SITE_URL", "http://example.org", "SECURE_HSTS_SECONDS", 0),
    ("LIMITS_HASH_KEY", "h" * 16, "LIMITS_HASH_KEY", "h" * 16),
    ("TRUSTED_PROXIES", "10.0.0.0/8", "LIMITS_TRUSTED_PROXIES", (ip_network("10.0.0.0/8"),)),
    (
        "TRUSTED_PROXIES",
        "127.0.0.1, 2001:db8::/32",
        "LIMITS_TRUSTED_PROXIES",
        (ip_network("127.0.0.1/32"), ip_network("2001:db8::/32")),
    ),
    ("BACKUP_DIR", "/srv/backups", "BACKUP_DIR", Path("/srv/backups")),
    ("BACKUP_STORAGE_URL", "s3://bucket/folder", "BACKUP_STORAGE_URL", "s3://bucket/folder"),
    ("BACKUP_RECIPIENT", RECIPIENT, "BACKUP_RECIPIENT", RECIPIENT),
    ("ALERT_EMAILS", "ops@example.org, dev@example.org", "ALERT_EMAILS", ["ops@example.org", "dev@example.org"]),
    ("ALERT_URLS", "ntfy://topic,json://host/path", "ALERT_URLS", ["ntfy://topic", "json://host/path"]),
    ("EMAIL_URL", "smtp://jane:p%40ss@mail.example.org", "EMAIL_HOST", "mail.example.org"),
    ("EMAIL_URL", "smtp://jane:p%40ss@mail.example.org", "EMAIL_HOST_PASSWORD", "p@ss"),
    ("EMAIL_URL", "smtp://jane:1234@mail.example.org", "EMAIL_HOST_PASSWORD", "1234"),
    ("EMAIL_URL", "smtp://mail.example.org:2525", "EMAIL_PORT", 2525),
    ("EMAIL_URL", "smtps://mail.example.org", "EMAIL_PORT", 587),
    ("EMAIL_URL", "smtps://mail.example.org", "EMAIL_USE_TLS", True),
    ("EMAIL_URL", "smtp+ssl://mail.example.org", "EMAIL_PORT", 465),
    ("EMAIL_URL", "smtp+ssl://mail.example.org", "EMAIL_USE_SSL", True),
    ("EMAIL_URL", "filemail:///srv/mail", "EMAIL_FILE_PATH", "/srv/mail"),
    ("DEADMAN_URL", "https://hc.example.org/abc?x=1", "DEADMAN_URL", "https://hc.example.org/abc?x=1"),
    ("METRICS_TOKEN", "t" * 16, "METRICS_TOKEN", "t" * 16),
]

WRONG = {
    "PORT": ["0", "65536", "http", "80.5", "-1", "８０８０", "9" * 5_000],
    "BIND": ["example.org", "127.0.0.1:8000", "256.0.0.1", "unix:", "unix:portal.sock", "/run/portal.sock"],
    "WEB_CONCURRENCY": ["0", "257", "two", "2.5", "-1"],
    "SECRET_KEY": ["short", "k" * 31],
    "DEBUG": ["maybe", "2", "truee"],
    "ALLOWED_HOSTS": ["https://example.org", "example.org:8000", "one two", ",", "example.org/path"],
    "CSRF_TRUSTED_ORIGINS": ["example.org", "https://example.org/path", "ftp://example.org", "https://a https://b"],
    "TIME_ZONE": ["Vienna", "Europe", "CEST!", "../../etc/passwd", "/etc/localtime", "z" * 5_000],
    "DEFAULT_FROM_EMAIL": ["portal", "portal@", "Portal <portal>", "a@b.org, c@d.org", "a@b.org\nBcc: x@y.org"],
    "SITE_URL": [
        "example.org",
        "ftp://example.org",
        "https://",
        "https://exam ple.org",
        "https://example.org\nx",
        "https://example.org:port",
        "https://example.org:0",
        "https://example.org:65536",
        "https://example.org/#top",
        "https://[::1",
    ],
    "LIMITS_HASH_KEY": ["short", "with blanks in it all over"],
    "DATABASE_URL": [
        "mysql",
        "mysql://host",
        "mysql://host/",
        "mysql://user:pass@host:port/name",
        "postgres://user:pass@host/name",
        "sqlite:///portal.sqlite3",
        "sqlite://:memory:",
        "/srv/portal.sqlite3",
        "postgre://user:pass@host/name",
    ],
    "REDIS_URL": ["cache", "cache:6379", "redis://", "redis://cache/one", "http://cache", "redis+sentinel://one:26379"],
    "RATELIMIT_STORAGE_URL": ["cache", "redis://cache:port", "redis+cluster://one:7000/1"],
    "CELERY_BROKER_URL": ["cache", "amqp://cache", "redis+cluster://one:7000"],
    "TRUSTED_PROXIES": ["*", "proxy.example.org", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8 127.0.0.1", ","],
    "BACKUP_DIR": ["backups", "~/backups", "./backups"],
    "BACKUP_STORAGE_URL": [
        "bucket/folder",
        "s3://",
        "s3://bucket folder",
        "s3:bucket",
        "s3://key:secret@bucket/folder",
        "s3://bucket/../folder",
        "s3://bucket?acl=public-read",
        "s3://bucket?endpoint_url=minio",
        "s3://bucket?endpoint_url=https://key:secret@minio",
        "ftp://host/folder",
        "gs://",
        "gs://bucket?x=1",
        "azure://container",
        "sftp://host",
        "sftp://jane:secret@host/folder",
        "sftp://host:port/folder",
        "file://folder",
        "file:///",
        "file:///srv//backups",
        "/srv/backups",
    ],
    "BACKUP_RECIPIENT": ["age1", "age1" + "b" * 58, "AGE-SECRET-KEY-1" + "Q" * 58, "ssh-ed25519 AAAA"],
    "ALERT_EMAILS": ["ops", "ops@a.org;dev@a.org", "Ops <ops@a.org>", "ops@a.org dev@a.org"],
    "ALERT_URLS": ["example.org", "ntfy://", "ntfy:topic", "ntfy://a b"],
    "EMAIL_URL": [
        "mail.example.org",
        "http://mail.example.org",
        "smtp://",
        "smtp://mail.example.org:port",
        "smtp://mail example.org",
        "filemail://",
        "filemail://mail",
        "dummymail://",
    ],
    "DEADMAN_URL": ["hc.example.org", "ftp://hc.example.org"],
    "METRICS_TOKEN": ["short", "with blanks in it all over"],
}
VALUES = [pytest.param(name, value, id=f"{name}={value[:30]}") for name, values in WRONG.items() for value in values]


@pytest.fixture
def settings_with(monkeypatch: pytest.MonkeyPatch, root: Path, tmp_path: Path) -> Callable[..., Settings]:
    """Read the settings anew, in an environment of these variables alone."""

    def read(**variables: str) -> Settings:
        for name in WRONG:
            monkeypatch.delenv(name, raising=False)
        for name, value in ({"PORTAL_VAR": str(tmp_path), "SECRET_KEY": "k" * 40} | variables).items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(root / "portal" / "settings.py"))

    return read


def problems(settings: Settings) -> list[str]:
    return [problem.variable for problem in settings["ENVIRONMENT"].problems]


@pytest.mark.parametrize(("variable", "value", "setting", "expected"), RIGHT)
def test_a_right_value_is_taken(
    settings_with: Callable[..., Settings], variable: str, value: str, setting: str, expected: object
) -> None:
    settings = settings_with(**{variable: value})
    assert problems(settings) == []
    assert settings[setting] == expected


@pytest.mark.parametrize(("variable", "value"), VALUES)
def test_a_wrong_value_is_named_and_the_default_stands(
    settings_with: Callable[..., Settings], variable: str, value: str, tmp_path: Path
) -> None:
    settings = settings_with(**{variable: value})
    (problem,) = settings["ENVIRONMENT"].problems
    assert problem.variable == variable
    assert str(problem).startswith(variable)
    assert len(str(problem)) < 400
    assert settings["DATABASES"]["default"]["NAME"] == str(tmp_path / "portal.sqlite3")
    assert settings["REDIS"].socket_path == str(tmp_path / "redis" / "redis.sock")


@pytest.mark.parametrize("value", ["", "   "])
@pytest.mark.parametrize("variable", sorted(WRONG.keys() - {"SECRET_KEY"}))
def test_an_empty_value_is_no_value(settings_with: Callable[..., Settings], variable: str, value: str) -> None:
    assert problems(settings_with(**{variable: value})) == []


def test_without_a_secret_key_nothing_starts(settings_with: Callable[..., Settings]) -> None:
    settings = settings_with(SECRET_KEY="")
    (problem,) = settings["ENVIRONMENT"].problems
    assert str(problem).startswith("SECRET_KEY is not set.")


def test_the_generated_key_of_the_state_folder_is_taken(settings_with: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("g" * 64 + "\n")
    settings = settings_with(SECRET_KEY="")
    assert problems(settings) == []
    assert settings["SECRET_KEY"] == "g" * 64


def test_the_hash_key_follows_the_secret_key_unless_it_is_set(settings_with: Callable[..., Settings]) -> None:
    made = [settings_with(SECRET_KEY=letter * 40)["LIMITS_HASH_KEY"] for letter in "ab"]
    assert made[0] != made[1]
    kept = [settings_with(SECRET_KEY=letter * 40, LIMITS_HASH_KEY="h" * 16)["LIMITS_HASH_KEY"] for letter in "ab"]
    assert kept[0] == kept[1]


def test_without_any_variable_all_lives_in_the_state_folder(
    settings_with: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = settings_with()
    assert settings["DATABASES"]["default"]["NAME"] == str(tmp_path / "portal.sqlite3")
    assert settings["REDIS"].socket_path == str(tmp_path / "redis" / "redis.sock")
    assert settings["BACKUP_DIR"] == tmp_path / "backups"
    assert settings["SITE_URL"] == "http://127.0.0.1:8000"
    assert not settings["DEBUG"]


def test_cache_counters_and_broker_have_a_database_each(settings_with: Callable[..., Settings]) -> None:
    settings = settings_with(REDIS_URL="redis://cache:6380/4")
    databases = [settings[name].database for name in ("REDIS", "RATELIMIT_STORAGE", "BROKER")]
    assert databases == [4, 5, 6]
    assert settings["CELERY_BROKER_URL"] == "redis://cache:6380/6"


def test_each_of_the_three_may_have_a_server_of_its_own(settings_with: Callable[..., Settings]) -> None:
    settings = settings_with(
        REDIS_URL="redis://cache", RATELIMIT_STORAGE_URL="redis://counters", CELERY_BROKER_URL="redis://broker"
    )
    assert problems(settings) == []
    assert settings["CACHES"]["default"]["LOCATION"] == ["redis://cache:6379/0"]
    assert settings["CACHES"]["limits"]["LOCATION"] == ["redis://counters:6379/0"]
    assert settings["CELERY_BROKER_URL"] == "redis://broker:6379/0"


def test_a_cluster_needs_a_broker_beside_it(settings_with: Callable[..., Settings]) -> None:
    cluster = "redis+cluster://one:7000,two:7001"
    assert problems(settings_with(REDIS_URL=cluster)) == ["CELERY_BROKER_URL"]
    assert problems(settings_with(REDIS_URL=cluster, CELERY_BROKER_URL="redis://broker")) == []


def test_mariadb_is_reached_with_every_character_and_strict_mode(settings_with: Callable[..., Settings]) -> None:
    database = settings_with(DATABASE_URL="mysql://jane:p%40+ss@db:3307/portal")["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.mysql"
    assert {name: database[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME")} == {
        "USER": "jane",
        "PASSWORD": "p@+ss",
        "HOST": "db",
        "PORT": 3307,
        "NAME": "portal",
    }
    assert database["OPTIONS"]["charset"] == "utf8mb4"
    assert "STRICT_TRANS_TABLES" in database["OPTIONS"]["init_command"]


def test_backups_lie_in_their_folder_unless_they_are_stored_elsewhere(
    settings_with: Callable[..., Settings], tmp_path: Path
) -> None:
    backend = "portal.operations.backups.keeping.folder.DurableFolderStorage"
    for variables, folder in (
        ({}, str(tmp_path / "backups")),
        ({"BACKUP_DIR": "/srv/backups"}, "/srv/backups"),
        ({"BACKUP_DIR": "/"}, "/"),
        ({"BACKUP_STORAGE_URL": "file:///mnt/far%20away", "BACKUP_DIR": "/srv/backups"}, "/mnt/far away"),
        ({"BACKUP_STORAGE_URL": "ftp://host/x", "BACKUP_DIR": "/srv/backups"}, "/srv/backups"),
    ):
        stored = settings_with(**{"BACKUP_DIR": "", "BACKUP_STORAGE_URL": ""} | variables)["STORAGES"]["backups"]
        assert stored == {"BACKEND": backend, "OPTIONS": {"location": folder}}


def manage_check(tmp_path: Path, root: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    inherited = {name: value for name, value in os.environ.items() if name not in WRONG}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        env=inherited | {"PORTAL_VAR": str(tmp_path), "SECRET_KEY": "k" * 40} | variables,
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


def test_check_names_every_wrong_variable_at_once(tmp_path: Path, root: Path) -> None:
    secret = "hunter2-and-more"
    wrong = {name: values[0] for name, values in WRONG.items()} | {
        "SECRET_KEY": secret,
        "DATABASE_URL": f"postgres://jane:{secret}@host/name",
        "REDIS_URL": f"redis://:{secret}@cache/one",
        "RATELIMIT_STORAGE_URL": f"redis://:{secret}@cache:port",
        "CELERY_BROKER_URL": f"amqp://jane:{secret}@cache",
        "BACKUP_STORAGE_URL": f"s3:{secret}@bucket",
        "BACKUP_RECIPIENT": f"AGE-SECRET-KEY-{secret}",
        "ALERT_URLS": f"ntfy:{secret}",
        "EMAIL_URL": f"smtp://jane:{secret}@mail.example.org:port",
        "DEADMAN_URL": f"hc.example.org/{secret}",
        "METRICS_TOKEN": f"{secret} {secret}",
        "LIMITS_HASH_KEY": f"{secret} {secret}",
    }
    told = manage_check(tmp_path, root, **wrong)
    lines = [line for line in told.stderr.splitlines() if "portal.E001" in line]
    assert told.returncode == 1
    assert [name for name in WRONG if not any(f" {name}" in line for line in lines)] == []
    assert len(lines) == len(WRONG)
    assert "hunter2" not in told.stdout + told.stderr
    assert "Traceback" not in told.stderr


def test_check_is_content_with_a_fresh_installation(tmp_path: Path, root: Path) -> None:
    told = manage_check(tmp_path, root, BIND="unix:/run/portal.sock", TRUSTED_PROXIES="127.0.0.1")
    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.parametrize(
    ("scheme", "package"), [("gs", "django-storages[google]"), ("sftp", "django-storages[sftp]"), ("azure", "[azure]")]
)
def test_check_names_the_package_that_a_storage_needs(tmp_path: Path, root: Path, scheme: str, package: str) -> None:
    url = {"BACKUP_STORAGE_URL": f"{scheme}://backups/redis", "AZURE_STORAGE_CONNECTION_STRING": "AccountName=x"}
    told = manage_check(tmp_path, root, **url)
    assert told.returncode == 1
    assert "portal.E004" in told.stderr
    assert package in told.stderr
    assert "Traceback" not in told.stderr


def test_check_is_content_with_s3(tmp_path: Path, root: Path) -> None:
    told = manage_check(tmp_path, root, BACKUP_STORAGE_URL="s3://backups/redis")
    assert (told.returncode, told.stderr) == (0, "")
