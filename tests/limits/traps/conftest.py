"""A server that a test may pause, fill and limit in memory."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import caches

from tests.servers import Server, start_redis


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Redis 7.0 of this test's own, at the address that settings name."""
    folder, address = tmp_path_factory.mktemp("redis"), Path(settings.REDIS.socket_path)
    server = start_redis(folder, program="redis-server", socket_path=str(folder / "s"))
    address.symlink_to(folder / "s")
    yield server
    address.unlink()
    os.kill(server.process.pid, signal.SIGCONT)
    server.stop()
    for alias in settings.CACHES:
        cache: Any = caches[alias]
        cache.client.get_client().connection_pool.disconnect()
