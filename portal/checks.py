"""System checks of the portal's own settings."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.utils.module_loading import import_string

_PACKAGES_OF_STORAGES = {
    "storages.backends.azure_storage.AzureStorage": "django-storages[azure]",
    "storages.backends.gcloud.GoogleCloudStorage": "django-storages[google]",
    "storages.backends.sftpstorage.SFTPStorage": "django-storages[sftp]",
}


@register()
def check_environment(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """portal.E001: a variable has a value that cannot be used."""
    return [
        Error(str(problem), hint="Mend it in the environment or in .env.", id="portal.E001")
        for problem in settings.ENVIRONMENT.problems
    ]


@register(Tags.security)
def check_unix_socket(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """portal.E003: behind a Unix socket without trusted proxies no request has an address."""
    if not settings.BIND.startswith("unix:") or settings.LIMITS_TRUSTED_PROXIES:
        return []
    return [
        Error(
            "BIND is a Unix socket and TRUSTED_PROXIES is empty: all visitors would share one counter, “unknown”.",
            hint="Set TRUSTED_PROXIES=127.0.0.1, which trusts the proxy on the socket too, and let it send "
            "X-Forwarded-For; or set BIND to an address.",
            id="portal.E003",
        )
    ]


@register()
def check_backup_storage(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """portal.E004: what BACKUP_STORAGE_URL names needs a package that is not installed."""
    backend = settings.STORAGES["backups"]["BACKEND"]
    try:
        import_string(backend)
    except (ImportError, ImproperlyConfigured) as error:
        package = _PACKAGES_OF_STORAGES.get(backend, backend.partition(".")[0])
        return [
            Error(
                f"BACKUP_STORAGE_URL cannot be used: {error}.",
                hint=f"Install what it needs (pip install '{package}'), or store the backups elsewhere.",
                id="portal.E004",
            )
        ]
    return []


@register(Tags.database)
def check_character_set(app_configs: Any, databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """portal.W002: MariaDB or MySQL would lose characters, for it does not store utf8mb4."""
    messages: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor != "mysql":
            continue
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@character_set_database")
            (character_set,) = cursor.fetchone()
        if character_set != "utf8mb4":
            messages.append(
                Warning(
                    f"The database “{alias}” stores {character_set}, not utf8mb4: some characters cannot be saved.",
                    hint="ALTER DATABASE … CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, before migrating.",
                    id="portal.W002",
                )
            )
    return messages
