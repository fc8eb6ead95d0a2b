"""Settings read from the environment or `.env`: each wrong value is named, with what the variable takes.

Nothing is raised while settings are read. A wrong value leaves the default in place and a problem in the list;
`manage.py check` tells every problem at once, and no server starts while there is one (`portal.checks`).
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured
from environ import Env

Value = TypeVar("Value")
Network = IPv4Network | IPv6Network
_ADDRESS = r"[^\s@<>,]+@[^\s@<>,]+"
STORAGE_TAKES = (
    "file:///folder, s3://bucket/folder?endpoint_url=…&region_name=…, gs://bucket/folder, sftp://user@host/folder, or "
    "azure://container/folder with AZURE_STORAGE_CONNECTION_STRING; no password in it: keys come from where each "
    "storage's own tools find them"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A variable whose value cannot be taken."""

    variable: str
    value: str
    takes: str

    def __str__(self) -> str:
        if not self.value:
            return f"{self.variable} is not set. It takes {self.takes}."
        shown = "its value" if _is_secret(self.variable) else f"“{self.value[:80]}”"
        return f"{self.variable}: {shown} cannot be used. It takes {self.takes}."


class Environment:
    """The environment, over the lines of one `.env` file."""

    def __init__(self, env_file: Path) -> None:
        self.problems: list[Problem] = []
        try:
            if env_file.is_file():
                Env.read_env(str(env_file), overwrite=False)
        except ValueError:
            self.problems.append(Problem(env_file.name, "its text", "lines of NAME=value in UTF-8"))

    def read(self, name: str, *, parse: Callable[[str], Value], default: Value, takes: str) -> Value:
        """Return the parsed variable, or `default` when it is unset, empty or wrong.

        `parse` raises ValueError (or any LookupError) for what it cannot take; `takes` says in words what it can.
        """
        text = os.environ.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except (ValueError, LookupError, OSError, ImproperlyConfigured):
            self.problems.append(Problem(name, text, takes))
            return default

    def refuse(self, name: str, *, takes: str) -> None:
        """Note that a variable is needed and missing, or wrong together with another."""
        self.problems.append(Problem(name, os.environ.get(name, ""), takes))


def boolean(value: str) -> bool:
    """Return yes or no."""
    return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[value.lower()]


def whole_number(*, least: int, most: int) -> Callable[[str], int]:
    """Return a parser of whole numbers between two bounds."""

    def parse(value: str) -> int:
        number = int(value) if value.isascii() and value.isdigit() and len(value) < 12 else least - 1
        if not least <= number <= most:
            raise ValueError(value)
        return number

    return parse


def listing(value: str) -> list[str]:
    """Return the items of a list that commas part, one at least."""
    if items := [item.strip() for item in value.split(",") if item.strip()]:
        return items
    raise ValueError(value)


def networks(value: str) -> tuple[Network, ...]:
    """Return networks in CIDR form, or single addresses."""
    return tuple(ip_network(item) for item in listing(value))


def bind_host(value: str) -> str:
    """Return an address, `localhost` or `unix:/path` to listen on."""
    if value == "localhost" or value.startswith("unix:/"):
        return value
    return str(ip_address(value.strip("[]")))


def host_names(value: str) -> list[str]:
    """Return the host names that Django may answer for."""
    return [_matching(item, r"\*|\.?[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]") for item in listing(value)]


def web_address(value: str) -> str:
    """Return an http(s) address without the slash at its end."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment or parts.port == 0:
        raise ValueError(value)
    return _matching(value, r"\S+").rstrip("/")


def web_origins(value: str) -> list[str]:
    """Return origins such as https://example.org; a name may begin with `*.`."""
    return [_matching(item, r"https?://[A-Za-z0-9*._\-\[\]:]+") for item in listing(value)]


def any_url(value: str) -> str:
    """Return an address of any scheme."""
    return _matching(value, r"[a-z][a-z0-9+.-]*://\S+")


def any_urls(value: str) -> list[str]:
    """Return addresses of any scheme."""
    return [any_url(item) for item in listing(value)]


def mail_address(value: str) -> str:
    """Return a mail address, alone or behind a name: `Portal <portal@example.org>`."""
    return _matching(value, rf"{_ADDRESS}|[^<>\r\n]*<{_ADDRESS}>")


def mail_addresses(value: str) -> list[str]:
    """Return mail addresses."""
    return [_matching(item, _ADDRESS) for item in listing(value)]


def time_zone(value: str) -> str:
    """Return the name of a time zone that this machine knows."""
    ZoneInfo(value)
    return value


def folder(value: str) -> Path:
    """Return an absolute path."""
    if not os.path.isabs(value):
        raise ValueError(value)
    return Path(value)


def long_secret(value: str) -> str:
    """Return a secret that is too long to be guessed."""
    return _matching(value, r"\S{16,}")


def age_recipient(value: str) -> str:
    """Return an age public key."""
    return _matching(value, r"age1[02-9ac-hj-np-z]{58}")


def sqlite(path: Path) -> dict[str, Any]:
    """Return Django's settings for an SQLite file that web, worker and beat may write at once.

    A transaction that takes the write lock only at its first write cannot wait for it (SQLite answers at once with
    “database is locked”): so IMMEDIATE, with a patient timeout; WAL lets readers go on meanwhile.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "CONN_MAX_AGE": 60,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
        # Tests run on a file as well: in memory, connections would lock one another out.
        "TEST": {"NAME": str(path.with_name(f"test-{path.name}"))},
    }


def database(value: str) -> dict[str, Any]:
    """Return Django's settings for a database URL: MariaDB or MySQL, or an SQLite file."""
    if not value.startswith(("mysql://", "sqlite:///")):
        raise ValueError(value)
    config: dict[str, Any] = Env.db_url_config(value)
    if value.startswith("sqlite:///"):
        return sqlite(folder(config["NAME"]))
    if not config["NAME"]:
        raise ValueError(value)
    options = {
        "charset": "utf8mb4",
        "init_command": "SET sql_mode='STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'",
        "connect_timeout": 5,
    }
    return config | {
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options | config.get("OPTIONS", {}),
        "TEST": {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_general_ci"},
    }


def mail_url(value: str) -> dict[str, Any]:
    """Return Django's EMAIL_… settings for smtp://, smtps://, smtp+ssl://, consolemail:// or filemail:///folder."""
    config: dict[str, Any] = Env.email_url_config(_matching(value, r"\S+"))
    scheme = value.partition(":")[0]
    if scheme == "consolemail":
        return config
    if scheme == "filemail":
        return config | {"EMAIL_FILE_PATH": str(folder("/" + _matching(config["EMAIL_FILE_PATH"], r".+")))}
    port = {"smtp": 25, "smtps": 587, "smtp+tls": 587, "smtp+ssl": 465}[scheme]
    if not config["EMAIL_HOST"]:
        raise ValueError(value)
    return config | {"EMAIL_PORT": config["EMAIL_PORT"] or port}


def storage_url(value: str) -> str:
    """Return the address of a storage that `storage` can read; it holds no secret."""
    storage(value)
    return value


def storage(value: str) -> dict[str, Any]:
    """Return Django's STORAGES settings for an address; STORAGE_TAKES says which there are."""
    parts = urlsplit(_matching(value, r"[^\s#\x00-\x1f]+"))
    read = {"file": _folder, "s3": _s3, "gs": _google, "azure": _azure, "sftp": _sftp}[parts.scheme]
    if parts.query and parts.scheme != "s3":
        raise ValueError(value)
    return read(parts)


def folder_storage(path: Path) -> dict[str, Any]:
    """Return Django's STORAGES settings for a folder of private files."""
    backend = "portal.operations.backups.keeping.folder.DurableFolderStorage"
    return {"BACKEND": backend, "OPTIONS": {"location": str(path)}}


def _folder(parts: SplitResult) -> dict[str, Any]:
    if parts.netloc or not _location(parts):
        raise ValueError(parts.netloc)
    return folder_storage(Path("/", _location(parts)))


def _s3(parts: SplitResult) -> dict[str, Any]:
    options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    if not options.keys() <= {"endpoint_url", "region_name"}:
        raise ValueError(parts.query)
    if "@" in web_address(options.get("endpoint_url", "https://s3")):
        raise ValueError(parts.query)
    return {
        "BACKEND": "portal.operations.backups.keeping.s3.StreamingS3Storage",
        "OPTIONS": {"bucket_name": _bucket(parts), "location": _location(parts)} | options,
    }


def _google(parts: SplitResult) -> dict[str, Any]:
    options = {"bucket_name": _bucket(parts), "location": _location(parts), "file_overwrite": True}
    # What is read goes through a file once it is larger than this.
    options |= {"max_memory_size": 1024 * 1024, "blob_chunk_size": 8 * 1024 * 1024}
    return {"BACKEND": "storages.backends.gcloud.GoogleCloudStorage", "OPTIONS": options}


def _azure(parts: SplitResult) -> dict[str, Any]:
    options = {"azure_container": _bucket(parts), "location": _location(parts), "overwrite_files": True}
    # A KeyError refuses the address: django-storages would look for it in Django's settings alone.
    options["connection_string"] = os.environ["AZURE_STORAGE_CONNECTION_STRING"]
    return {"BACKEND": "storages.backends.azure_storage.AzureStorage", "OPTIONS": options}


def _sftp(parts: SplitResult) -> dict[str, Any]:
    if not parts.hostname or not _location(parts) or parts.password is not None:
        raise ValueError(parts.netloc)
    params = {"port": parts.port or 22} | ({"username": unquote(parts.username)} if parts.username else {})
    place = {"host": parts.hostname, "params": params, "root_path": f"/{_location(parts)}"}
    options = place | {"file_mode": 0o600, "dir_mode": 0o700}
    return {"BACKEND": "storages.backends.sftpstorage.SFTPStorage", "OPTIONS": options}


def _bucket(parts: SplitResult) -> str:
    return _matching(parts.netloc, r"[A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9]")


def _location(parts: SplitResult) -> str:
    """Return the path below the root, without slashes around it, and without steps that lead out of it."""
    location = unquote(parts.path, errors="strict").strip("/")
    if location and {"", ".", ".."} & set(location.split("/")):
        raise ValueError(location)
    return location


def _matching(value: str, pattern: str) -> str:
    if not re.fullmatch(pattern, value):
        raise ValueError(value)
    return value


def _is_secret(variable: str) -> bool:
    # A recipient too: where the public key belongs, the secret one is easily pasted.
    return any(word in variable for word in ("KEY", "URL", "TOKEN", "RECIPIENT")) and variable != "SITE_URL"
