"""The portal's settings, by topic. Each variable is described in `.env.example`."""

import hashlib
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from limits.readable_key import ReadableKey
from portal import environment, redis_address
from portal.environment import Environment, whole_number
from portal.redis_address import RedisAddress, embedded_address, parse_redis_address

BASE_DIR = Path(__file__).resolve().parent.parent
ENVIRONMENT = Environment(BASE_DIR / ".env")
_read = ENVIRONMENT.read

# Where it runs

VAR = Path(os.environ.get("PORTAL_VAR") or BASE_DIR / "var").absolute()
BIND = _read(
    "BIND",
    parse=environment.bind_host,
    default="127.0.0.1",
    takes="an address such as 127.0.0.1 or ::, or unix:/path",
)
PORT = _read("PORT", parse=whole_number(least=1, most=65535), default=8000, takes="a port from 1 to 65535")
WEB_CONCURRENCY = _read(
    "WEB_CONCURRENCY",
    parse=whole_number(least=1, most=256),
    default=2,
    takes="a number of processes from 1 to 256",
)
SITE_URL = _read(
    "SITE_URL",
    parse=environment.web_address,
    default=f"http://127.0.0.1:{PORT}",
    takes="an address such as https://example.org",
)
_https = SITE_URL.startswith("https://")
_site_host = urlsplit(SITE_URL).hostname or ""

# Django

DEBUG = _read("DEBUG", parse=environment.boolean, default=False, takes="true or false")


def _secret_key() -> str:
    generated = VAR / "secret_key"
    key = os.environ.get("SECRET_KEY") or (generated.read_text().strip() if generated.is_file() else "")
    if len(key) >= 32:
        return key
    ENVIRONMENT.refuse(
        "SECRET_KEY",
        takes="32 or more random characters; `make run` keeps one of its own under var/",
    )
    return "not secret: the portal does not start with it"


SECRET_KEY = _secret_key()
ALLOWED_HOSTS = _read(
    "ALLOWED_HOSTS",
    parse=environment.host_names,
    default=list(dict.fromkeys(["127.0.0.1", "localhost", "[::1]", _site_host])),
    takes="host names, comma separated",
)
CSRF_TRUSTED_ORIGINS = _read(
    "CSRF_TRUSTED_ORIGINS",
    parse=environment.web_origins,
    default=[SITE_URL],
    takes="origins such as https://example.org, comma separated",
)
TIME_ZONE = _read("TIME_ZONE", parse=environment.time_zone, default="UTC", takes="a name such as Europe/Vienna")
USE_TZ = True
LANGUAGE_CODE = "en-gb"
USE_I18N = False
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

INSTALLED_APPS = [
    "portal.admin_site.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "post_office",
    "limits",
    "portal",
    "portal.accounts",
    "portal.catalogue",
    "portal.operations",
]
MIDDLEWARE = [
    "portal.middleware.EmptyHeadMiddleware",
    "portal.middleware.SecurityHeadersMiddleware",
    "limits.middleware.KnownRefusalsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "limits.middleware.LimitsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# People

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
PASSWORD_RESET_TIMEOUT = 3 * 3600

# Security

SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
SECURE_HSTS_SECONDS = 30 * 86_400 if _https else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# Files that never change

STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# The database

DATABASES = {
    "default": _read(
        "DATABASE_URL",
        parse=environment.database,
        default=environment.sqlite(VAR / "portal.sqlite3"),
        takes="mysql://user:password@host:3306/name, or sqlite:////path/to/portal.sqlite3",
    )
}

# Redis: cache, counters and synced policies, broker


def _redis(name: str, *, default: RedisAddress) -> RedisAddress:
    return _read(name, parse=parse_redis_address, default=default, takes=redis_address.TAKES)


REDIS = _redis("REDIS_URL", default=embedded_address(VAR))
RATELIMIT_STORAGE = _redis("RATELIMIT_STORAGE_URL", default=REDIS.with_database(REDIS.database + 1))
if RATELIMIT_STORAGE.database > 15 and not os.environ.get("RATELIMIT_STORAGE_URL"):
    ENVIRONMENT.refuse(
        "RATELIMIT_STORAGE_URL", takes="an address of its own, for REDIS_URL leaves it no database up to 15"
    )
CACHES = {
    "default": redis_address.cache_settings(REDIS, backend="django_redis.cache.RedisCache"),
    "limits": redis_address.cache_settings(RATELIMIT_STORAGE, backend="limits.cache.CounterCache")
    | {"KEY_FUNCTION": "limits.cache.key_as_it_is"},
}

# Celery

BROKER = _read(
    "CELERY_BROKER_URL",
    parse=redis_address.parse_broker_address,
    default=REDIS.with_database(REDIS.database + 2),
    takes="an address as REDIS_URL takes, but no Cluster",
)
if BROKER.database > 15 and not os.environ.get("CELERY_BROKER_URL"):
    ENVIRONMENT.refuse("CELERY_BROKER_URL", takes="an address of its own, for REDIS_URL leaves it no database up to 15")
# Celery takes CELERY_BROKER_URL from the environment as it stands there, where it is written as we want it, not kombu.
CELERY_BROKER_URL = CELERY_BROKER_READ_URL = CELERY_BROKER_WRITE_URL = BROKER.broker_url
CELERY_BROKER_TRANSPORT_OPTIONS = redis_address.broker_options(BROKER)
if REDIS.is_cluster and not os.environ.get("CELERY_BROKER_URL"):
    ENVIRONMENT.refuse(
        "CELERY_BROKER_URL",
        takes="a Redis of its own: REDIS_URL is a Cluster, which Celery cannot use",
    )
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TIMEZONE = TIME_ZONE
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
# Long jobs wait in a queue of their own, so that they never hold the minute's work up.
CELERY_TASK_ROUTES = {"portal.operations.long.*": {"queue": "long"}}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
# Each run is noted at once: that is how /readyz knows that beat lives.
CELERY_BEAT_SYNC_EVERY = 1
CELERY_BEAT_MAX_LOOP_INTERVAL = 5

# Mail: queued in the database by pages, sent by the worker

EMAIL_BACKEND = "post_office.EmailBackend"
DEFAULT_FROM_EMAIL = _read(
    "DEFAULT_FROM_EMAIL",
    parse=environment.mail_address,
    default=f"Portal <portal@{_site_host if _site_host[-1:].isalpha() else 'localhost'}>",
    takes="an address, or Name <address>",
)
_mail = _read(
    "EMAIL_URL",
    parse=environment.mail_url,
    default=environment.mail_url("consolemail://"),
    takes="smtp://user:password@host:587, smtps://…, consolemail:// or filemail:///folder",
)
EMAIL_HOST = _mail["EMAIL_HOST"] or ""
EMAIL_PORT = _mail["EMAIL_PORT"] or 25
EMAIL_HOST_USER = _mail["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_FILE_PATH = _mail["EMAIL_FILE_PATH"]
EMAIL_USE_TLS = bool(_mail.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL = bool(_mail.get("EMAIL_USE_SSL"))
EMAIL_TIMEOUT = 20
POST_OFFICE = {
    "BACKENDS": {"default": _mail["EMAIL_BACKEND"]},
    "DEFAULT_PRIORITY": "medium",
    "MAX_RETRIES": 10,
    "MESSAGE_ID_ENABLED": True,
    "LOCK_FILE_NAME": str(VAR / "mail"),
}

# Rate limits

RATELIMIT_ENABLE = True
RATELIMIT_USE_CACHE = "limits"
RATELIMIT_CACHE_PREFIX = ""
# The class itself: its name would be looked up at every decision.
RATELIMIT_HASH_ALGORITHM = ReadableKey
RATELIMIT_FAIL_OPEN = False
LIMITS_EXEMPT_PATHS = ("/admin/", "/static/", "/favicon.ico", "/healthz", "/readyz", "/metrics")
LIMITS_SNAPSHOT_FILE = VAR / "policies.json"
LIMITS_HASH_KEY = _read(
    "LIMITS_HASH_KEY",
    parse=environment.long_secret,
    default=hashlib.sha256(f"limits hash key {SECRET_KEY}".encode()).hexdigest(),
    takes="16 or more characters",
)
LIMITS_TRUSTED_PROXIES: tuple[environment.Network, ...] = _read(
    "TRUSTED_PROXIES",
    parse=environment.networks,
    default=(),
    takes="networks such as 10.0.0.0/8,127.0.0.1, comma separated",
)
LIMITS_LOOK_SECONDS = 0.25
LIMITS_PROCESSES = WEB_CONCURRENCY
LIMITS_ADDRESS_DAYS = _read(
    "LIMITS_ADDRESS_DAYS",
    parse=whole_number(least=1, most=3650),
    default=30,
    takes="a number of days from 1 to 3650",
)
LIMITS_TALLY_DAYS = _read(
    "LIMITS_TALLY_DAYS", parse=whole_number(least=1, most=3650), default=90, takes="a number of days from 1 to 3650"
)
SILENCED_SYSTEM_CHECKS = [
    # django-ratelimit knows django-redis's backend by its exact name only; ours is a subclass.
    "django_ratelimit.W001",
]

# Backups, alerts, metrics

BACKUP_DIR = _read("BACKUP_DIR", parse=environment.folder, default=VAR / "backups", takes="an absolute path")
BACKUP_STORAGE_URL = _read(
    "BACKUP_STORAGE_URL",
    parse=environment.storage_url,
    default="",
    takes=environment.STORAGE_TAKES,
)
STORAGES["backups"] = (
    environment.storage(BACKUP_STORAGE_URL) if BACKUP_STORAGE_URL else environment.folder_storage(BACKUP_DIR)
)
BACKUP_RECIPIENT = _read(
    "BACKUP_RECIPIENT",
    parse=environment.age_recipient,
    default="",
    takes="an age public key: age1…",
)
ALERT_EMAILS: list[str] = _read(
    "ALERT_EMAILS",
    parse=environment.mail_addresses,
    default=[],
    takes="mail addresses, comma separated",
)
ALERT_URLS: list[str] = _read(
    "ALERT_URLS", parse=environment.any_urls, default=[], takes="apprise addresses, comma separated"
)
DEADMAN_URL = _read("DEADMAN_URL", parse=environment.web_address, default="", takes="an http(s) address")
# The processes of one machine share their counts through files. `make run` empties the folder; where it is missing,
# each process tells of itself alone. The library reads the variable when it is imported.
METRICS_FOLDER = VAR / "metrics"
if METRICS_FOLDER.is_dir():
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(METRICS_FOLDER))
METRICS_TOKEN = _read("METRICS_TOKEN", parse=environment.long_secret, default="", takes="16 or more characters")

# Logs: to the terminal, one line each

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{levelname} {name}: {message}", "style": "{"},
        "one line": {"()": "portal.log_lines.OneLine", "format": "{levelname} {name}: {message}", "style": "{"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line"},
        "terse": {"class": "logging.StreamHandler", "formatter": "one line"},
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # Anybody can send a wrong Host: the answer is 400, and worth no traceback.
        "django.security.DisallowedHost": {"handlers": ["console"], "level": "CRITICAL", "propagate": False},
        # While the broker is away they would write a page every few seconds.
        **{
            name: {"handlers": ["terse"], "level": "WARNING", "propagate": False}
            for name in ("celery.beat", "celery.worker.consumer", "django_celery_beat", "kombu")
        },
        "celery": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        # It tells each time where it found its keys.
        "botocore": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        # It tells every five seconds that there is nothing to send.
        "post_office": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}
