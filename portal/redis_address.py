"""The address of a Redis, as people write it, and what each of our three users of it needs made of it."""

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote, unquote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

Client: TypeAlias = Any  # redis-py gives it few types

TIMEOUT_SECONDS = 0.2
_SOCKET_PATH_BYTES_MAX = 100
_KINDS = ("redis", "rediss", "unix", "redis+sentinel", "redis+cluster")
_HOST = re.compile(r"(?:(?P<name>[A-Za-z0-9._-]+)|\[(?P<ipv6>[^\]]+)\])(?::(?P<port>[0-9]{1,5}))?")
_SERVICE = re.compile(r"[A-Za-z0-9._-]+")
_TOLD_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|[0-9a-fA-F.]*:[0-9a-fA-F:.]*")
"""A name or an address: what a server tells of others becomes an address, and a file's name."""
TAKES = (
    "redis://host:6379/0, rediss://…, unix:///path/redis.sock?db=0, "
    "redis+sentinel://host:26379,host:26379/service/0 or redis+cluster://host:7000,host:7001"
)


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One Redis: `hosts` are (host, port) pairs, empty for a Unix socket; `service` names a Sentinel's primary."""

    kind: str
    database: int = 0
    hosts: tuple[tuple[str, int], ...] = ()
    socket_path: str = ""
    service: str = ""
    user: str = ""
    password: str = ""

    def with_database(self, number: int) -> "RedisAddress":
        """Return the same server's database of that number; a Cluster has but one."""
        return self if self.is_cluster else replace(self, database=number)

    def server(self, host: str, port: int) -> "RedisAddress":
        """Return one server of a set, as others tell of it. Raise ValueError for what is no host and port."""
        if not _TOLD_HOST.fullmatch(host) or not 0 < port < 65_536:
            raise ValueError(host)
        return replace(self, kind="redis", hosts=((host, port),), service="", database=0)

    def member(self, host: str, port: int) -> "RedisAddress":
        """Return one of a set's own hosts. Sentinels have no part in the credentials of the servers that they watch."""
        asked = self.server(host, port)
        return asked.without_credentials if self.is_sentinel else asked

    @property
    def without_credentials(self) -> "RedisAddress":
        """The same, asked without user and password."""
        return replace(self, user="", password="")

    @property
    def is_sentinel(self) -> bool:
        """Whether Sentinels tell of its servers."""
        return self.kind == "redis+sentinel"

    @property
    def is_cluster(self) -> bool:
        """Whether it is a Cluster, which has one database, and no SWAPDB."""
        return self.kind == "redis+cluster"

    @property
    def is_set(self) -> bool:
        """Whether it stands for several servers."""
        return self.is_sentinel or self.is_cluster

    @property
    def whole(self) -> tuple[object, ...]:
        """Which server or set it is: the same for all of its databases, and for whoever asks."""
        return self.hosts, self.socket_path, self.service

    @property
    def is_here(self) -> bool:
        """Whether it is one server of this machine, by its address."""
        return bool(self.socket_path) or (len(self.hosts) == 1 and is_loopback(self.hosts[0][0]))

    @property
    def place(self) -> str:
        """host:port, or a socket's path; of a set, all hosts with commas between them."""
        return self.socket_path or ",".join(_place(*host) for host in self.hosts)

    @property
    def url(self) -> str:
        """The address for redis-py and django-redis."""
        if self.kind == "unix":
            return f"unix://{self._credentials}{quote(self.socket_path)}?db={self.database}"
        if self.is_sentinel:
            return f"redis://{self._credentials}{self.service}/{self.database}"
        scheme = "redis" if self.is_cluster else self.kind
        return f"{scheme}://{self._credentials}{_place(*self.hosts[0])}/{self.database}"

    @property
    def broker_url(self) -> str:
        """The address as kombu wants it."""
        if self.kind == "unix":
            return f"redis+socket://{self._credentials}{quote(self.socket_path)}?virtual_host={self.database}"
        if self.is_sentinel:
            return ";".join(f"sentinel://{self._credentials}{_place(*host)}/{self.database}" for host in self.hosts)
        return self.url

    @property
    def _credentials(self) -> str:
        if not (self.user or self.password):
            return ""
        return f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"


def parse_redis_address(text: str) -> RedisAddress:
    """Return the address that `text` says. Raise ValueError when it is none of the five kinds."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in _KINDS:
        raise ValueError(text)
    if scheme == "unix":
        return _parse_socket(text)
    place, _, path = rest.partition("/")
    secret, _, hosts = place.rpartition("@")
    user, password = _parse_secret(secret)
    service, database = _parse_path(path, named=scheme == "redis+sentinel")
    if scheme == "redis+cluster" and database:
        raise ValueError("a Cluster has database 0 only")
    return RedisAddress(
        kind=scheme,
        database=database,
        hosts=_parse_hosts(hosts, alone=scheme in ("redis", "rediss"), port=26379 if service else 6379),
        service=service,
        user=user,
        password=password,
    )


def parse_broker_address(text: str) -> RedisAddress:
    """Return the broker's address: one that kombu knows, which a Cluster is not, also in kombu's own form."""
    if text.startswith("redis+socket://"):
        text = text.replace("redis+socket://", "unix://", 1).replace("virtual_host=", "db=")
    address = parse_redis_address(text)
    if address.is_cluster:
        raise ValueError(text)
    return address


def cache_settings(address: RedisAddress, *, backend: str) -> dict[str, Any]:
    """Return what Django's CACHES takes for django-redis: a dead server costs TIMEOUT_SECONDS, no retries."""
    options: dict[str, Any] = {
        "SOCKET_TIMEOUT": TIMEOUT_SECONDS,
        "SOCKET_CONNECT_TIMEOUT": TIMEOUT_SECONDS,
    }
    if address.is_sentinel:
        patience = patience_of(connect_seconds=TIMEOUT_SECONDS, answer_seconds=TIMEOUT_SECONDS)
        options |= {
            "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
            "SENTINELS": list(address.hosts),
            "SENTINEL_KWARGS": dict(patience),
            "CONNECTION_POOL_KWARGS": dict(patience),
        }
    if address.is_cluster:
        options["CONNECTION_FACTORY"] = "limits.cluster.ClusterConnectionFactory"
    # A list: django-redis takes a text with commas for a primary and its replicas.
    return {"BACKEND": backend, "LOCATION": [address.url], "OPTIONS": options}


def broker_options(address: RedisAddress) -> dict[str, Any]:
    """Return Celery's transport options: without timeouts a hung broker hangs whoever talks to it for good."""
    options: dict[str, Any] = {"socket_timeout": 5, "socket_connect_timeout": 2}
    if address.is_sentinel:
        options |= {"master_name": address.service, "sentinel_kwargs": dict(options)}
    return options


def connect(address: RedisAddress) -> redis.Redis:
    """Return a client of its own for an address, for one look: a dead server costs TIMEOUT_SECONDS."""
    patience = patience_of(connect_seconds=TIMEOUT_SECONDS, answer_seconds=TIMEOUT_SECONDS)
    if address.is_sentinel:
        make: Any = Sentinel  # redis-py gives it no types
        primary: redis.Redis = make(list(address.hosts), sentinel_kwargs=patience, **patience).master_for(
            address.service,
            db=address.database,
            username=address.user or None,
            password=address.password or None,
        )
        return primary
    return redis.Redis.from_url(address.url, **patience)


def client_of(address: RedisAddress, *, connect_seconds: float, answer_seconds: float, **options: object) -> Client:
    """Return a client of the one server at an address, which waits so long, and tries nothing twice."""
    patience = patience_of(connect_seconds=connect_seconds, answer_seconds=answer_seconds)
    return redis.Redis.from_url(address.url, **patience, **options)


def patience_of(*, connect_seconds: float, answer_seconds: float) -> dict[str, Any]:
    """Return how long to wait for a server, as redis-py takes it. Left to itself it tries ten times."""
    return {
        "socket_connect_timeout": connect_seconds,
        "socket_timeout": answer_seconds,
        "retry": Retry(NoBackoff(), 0),
    }


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, by its address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def embedded_address(var: Path) -> RedisAddress:
    """Return the address of the embedded server whose data lives under `var`.

    A Unix socket's path must stay under 108 bytes; for a deeper folder it goes into a private one in /tmp.
    """
    path = str(var / "redis" / "redis.sock")
    if len(os.fsencode(path)) > _SOCKET_PATH_BYTES_MAX:
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
        path = f"{tempfile.gettempdir()}/portal-{os.getuid()}-{digest}/redis.sock"
    return RedisAddress(kind="unix", socket_path=path)


def _parse_socket(text: str) -> RedisAddress:
    place, _, query = text.removeprefix("unix://").partition("?")
    secret, slash, path = place.partition("/")
    options = dict(pair.split("=", 1) for pair in query.split("&") if pair)
    if not path or secret.rpartition("@")[2] or not options.keys() <= {"db", "username", "password"}:
        raise ValueError(text)
    user, password = _parse_secret(secret.removesuffix("@"))
    return RedisAddress(
        kind="unix",
        socket_path=unquote(slash + path),
        database=_parse_database(options.get("db", "")),
        user=unquote(options.get("username", "")) or user,
        password=unquote(options.get("password", "")) or password,
    )


def _parse_secret(text: str) -> tuple[str, str]:
    user, _, password = text.partition(":")
    return unquote(user), unquote(password)


def _parse_path(path: str, *, named: bool) -> tuple[str, int]:
    if not named:
        return "", _parse_database(path)
    service, _, database = path.partition("/")
    if not _SERVICE.fullmatch(service):
        raise ValueError("a Sentinel address names its service")
    return service, _parse_database(database)


def _parse_hosts(text: str, *, alone: bool, port: int) -> tuple[tuple[str, int], ...]:
    hosts = tuple(_parse_host(item, port=port) for item in text.split(","))
    if alone and len(hosts) > 1:
        raise ValueError("one host, please")
    return hosts


def _parse_host(text: str, *, port: int) -> tuple[str, int]:
    match = _HOST.fullmatch(text)
    number = int(match["port"] or port) if match else 0
    if match is None or not 1 <= number <= 65535:
        raise ValueError(text)
    return match["name"] or str(IPv6Address(match["ipv6"])), number


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _parse_database(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise ValueError(text)
    return int(text)
