"""The server that a backup is brought back to."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry
from redis.sentinel import Sentinel

from portal.operations.backups.restoring.errors import CannotRestore, reason_of
from portal.operations.backups.versions import is_at_least
from portal.redis_address import RedisAddress

_TIMEOUT_SECONDS = 60.0
"""A large value takes its time; a server that says nothing for so long is not going to."""
_DATABASES_MAX = 64


class Target:
    """Clients of one server's databases, or of a Cluster, closed by `open_target`."""

    def __init__(self, address: RedisAddress) -> None:
        self.address = address
        self._clients: dict[int, Any] = {}

    @property
    def is_cluster(self) -> bool:
        """Say whether it has one database, and no SWAPDB."""
        return self.address.is_cluster

    @property
    def place(self) -> str:
        """Where it is, without secrets."""
        return self.address.socket_path or ",".join(f"{host}:{port}" for host, port in self.address.hosts)

    def database(self, number: int) -> Any:
        """Return a client (redis.Redis, or RedisCluster) of one database. Raises CannotRestore."""
        if self.is_cluster and number:
            raise CannotRestore(
                f"The backup holds keys in database {number}, and a Cluster has database 0 only. "
                "Nothing was changed. Restore it to a single server with --to."
            )
        if number not in self._clients:
            self._clients[number] = _connect(self.address.with_database(number))
        return self._clients[number]

    @cached_property
    def server(self) -> Any:
        """A client for what is about the server, not about a database."""
        return self.database(self.address.database)

    def keys_in(self, number: int) -> int:
        """Return how many keys a database holds: of a Cluster, all its primaries together."""
        client = self.database(number)
        return int(client.dbsize(target_nodes=RedisCluster.PRIMARIES) if self.is_cluster else client.dbsize())

    def now_ms(self) -> int:
        """Return the server's clock: by it keys expire."""
        client = self.server.get_default_node().redis_connection if self.is_cluster else self.server
        seconds, microseconds = client.time()
        return int(seconds * 1000 + microseconds // 1000)

    def version(self) -> str:
        """Return the server's version, as far as Redis is concerned; '' where it may not be asked."""
        client = self.server.get_default_node().redis_connection if self.is_cluster else self.server
        try:
            return str(client.info("server")["redis_version"])
        except redis.ResponseError:
            return ""

    def spare_databases(self, number: int, *, taken: frozenset[int]) -> tuple[int, ...]:
        """Return so many empty databases, from the last one down, none of `taken`. Raises CannotRestore."""
        found: list[int] = []
        for candidate in reversed(range(self._number_of_databases())):
            if len(found) == number:
                break
            if candidate not in taken and not self.database(candidate).dbsize():
                found.append(candidate)
        if len(found) < number:
            raise CannotRestore(
                f"It takes {number} empty databases on {self.place}, and there are {len(found)}. Nothing was changed. "
                "Raise `databases` in the server's configuration, or restore without --whole."
            )
        return tuple(found)

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    def _number_of_databases(self) -> int:
        for number in range(_DATABASES_MAX):
            try:
                self.database(number).dbsize()
            except redis.exceptions.NoPermissionError as error:
                raise CannotRestore(
                    f"Which databases of {self.place} are empty is not known: {error}. Nothing was changed. "
                    "That takes a user with `+select +dbsize`."
                ) from error
            except redis.ResponseError:
                return number
        return _DATABASES_MAX


@contextmanager
def open_target(address: RedisAddress) -> Iterator[Target]:
    """Give a target, and close it. Raises CannotRestore when it cannot be reached."""
    target = Target(address)
    try:
        try:
            target.now_ms()
            version = target.version()
        except redis.RedisError as error:
            raise CannotRestore(f"{target.place} cannot be used: {reason_of(error)}. Nothing was changed.") from error
        if version and not is_at_least(version):
            raise CannotRestore(
                f"{target.place} is of version {version}, and backups come back to Redis 7.0 or newer, or Valkey. "
                "Nothing was changed. Upgrade it."
            )
        yield target
    finally:
        target.close()


def _connect(address: RedisAddress) -> Any:
    patience: dict[str, Any] = {
        "socket_timeout": _TIMEOUT_SECONDS,
        "socket_connect_timeout": 5.0,
        "retry": Retry(NoBackoff(), 0),
    }
    if address.is_cluster:
        return RedisCluster.from_url(address.url, **patience)
    if address.is_sentinel:
        make: Any = Sentinel  # redis-py gives it no types
        secrets = {"username": address.user or None, "password": address.password or None}
        sentinel = make(list(address.hosts), sentinel_kwargs={"socket_timeout": 2.0}, **patience)
        return sentinel.master_for(address.service, db=address.database, **secrets)
    return redis.Redis.from_url(address.url, **patience)
