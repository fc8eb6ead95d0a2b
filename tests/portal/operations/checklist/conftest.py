"""The settings, pointed at a server of the test's own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pytest_django import Settings

from portal.operations.checklist.lines import lines_of
from portal.operations.checklist.run import run
from portal.operations.checklist.values import Result
from portal.redis_address import RedisAddress

from .servers import Started


@pytest.fixture
def use(settings: Settings) -> Callable[[RedisAddress], None]:
    """Points cache, counters and broker at one server."""

    def point(address: RedisAddress) -> None:
        settings.REDIS, settings.RATELIMIT_STORAGE = address, address.with_database(1)
        settings.BROKER = address.with_database(2)

    return point


@pytest.fixture
def keep() -> Iterator[Callable[[Started], Started]]:
    """Stops what it is given, in the end."""
    with ExitStack() as ending:

        def kept(started: Started) -> Started:
            ending.callback(lambda: started.server.stop())
            return started

        yield kept


@pytest.fixture
def start_in(tmp_path: Path) -> Path:
    """A folder for a server."""
    return tmp_path / "server"


def result_of(line_id: str) -> Result:
    """Return what one line finds."""
    (result,) = run(lines_of(ids=(line_id,)))
    return result
