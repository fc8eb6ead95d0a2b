"""A real server that is filled, evicts, and is killed: what people are told of it."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from pytest_django import Settings

from portal.operations.models import Alert, Severity
from portal.operations.watching.alerts.judging import judge
from portal.operations.watching.reading.looking import look
from portal.operations.watching.samples import keeping
from portal.redis_address import parse_redis_address
from tests.limits.cluster_and_sentinel.servers import PROGRAM
from tests.portal.operations.watching.alerts.made import NOW, rule, subjects
from tests.servers import Server, free_port, start_redis, wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.server]
Watch = Callable[[], None]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(tmp_path: Path, settings: Settings, port: int) -> Iterator[Server]:
    """A server of 8 MB that never evicts, on which the site rests."""
    started = start_redis(tmp_path / "redis", program=PROGRAM, port=port, options=("--maxmemory", "8mb"))
    settings.REDIS = settings.RATELIMIT_STORAGE = settings.BROKER = parse_redis_address(started.url)
    yield started
    started.stop()


@pytest.fixture
def watch() -> Watch:
    """One pass, 15 s after the one before."""
    passes = iter(range(100))

    def once() -> None:
        now = NOW + timedelta(seconds=15 * next(passes))
        found = look(now, known=keeping.last_looks())
        keeping.keep(found)
        judge(found, now=now)

    return once


def fill(server: Server) -> None:
    """Write until the server takes no more, or evicts."""
    with redis.Redis.from_url(server.url) as client:
        for number in range(200):
            try:
                client.set(f"key {number}", "x" * 100_000)
            except redis.exceptions.OutOfMemoryError:
                return


def test_a_full_server_is_told_of_and_its_refusals_are(server: Server, watch: Watch, port: int) -> None:
    rule("memory_share", for_seconds=30)
    rule("refused_writes", threshold=0)
    watch()
    fill(server)
    for _ in range(3):
        watch()
    assert subjects() == [
        f"CRITICAL: Redis 127.0.0.1:{port} refuses writes",
        f"Over: Redis 127.0.0.1:{port} refuses writes",
        f"CRITICAL: Redis 127.0.0.1:{port} is filling up",
    ]


def test_evictions_are_told_at_the_next_look(server: Server, watch: Watch, port: int) -> None:
    rule("evictions", threshold=0, recover_seconds=300)
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    watch()
    fill(server)
    watch()
    assert subjects() == [f"CRITICAL: Redis 127.0.0.1:{port} drops keys while limits are counted there"]


def test_a_killed_server_is_told_of_once_and_ends_nothing_else(
    server: Server, watch: Watch, port: int, tmp_path: Path
) -> None:
    rule("memory_share", severity=Severity.WARNING)
    rule("down")
    rule("evictions", threshold=0)
    fill(server)
    watch()
    server.process.kill()
    server.process.wait()
    watch()
    watch()
    place = f"127.0.0.1:{port}"
    assert subjects() == [f"WARNING: Redis {place} is filling up", f"CRITICAL: Redis {place} does not answer"]
    assert Alert.objects.get(rule__condition="memory_share").is_active
    again = start_redis(tmp_path / "again", program=PROGRAM, port=port, options=("--maxmemory", "8mb"))
    try:
        watch()
    finally:
        again.stop()
    ends = [f"Over: Redis {place} does not answer", f"Over: Redis {place} is filling up"]
    assert sorted(subjects()[2:]) == sorted(ends)


def test_a_paused_server_is_down(server: Server, watch: Watch, port: int) -> None:
    rule("down")
    watch()
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("CLIENT", "PAUSE", "4000", "ALL")
    watch()
    assert subjects() == [f"CRITICAL: Redis 127.0.0.1:{port} does not answer"]
    with redis.Redis.from_url(server.url) as client:
        wait_until(lambda: bool(client.ping()), what="the end of the pause")
    watch()
    assert subjects()[1:] == [f"Over: Redis 127.0.0.1:{port} does not answer"]
