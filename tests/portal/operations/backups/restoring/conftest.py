"""Two servers of each kind: one that is backed up, and one that a backup is brought back to."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from portal.operations.backups.restoring.target import Target, open_target
from tests.portal.operations.backups.restoring.filling import Live, fill
from tests.portal.operations.backups.servers import REDIS, VALKEY
from tests.servers import start_redis

PROGRAMS = {"redis-7.0": REDIS, "valkey": VALKEY}
Start = Callable[..., Live]
_AT_ONCE = ("--repl-diskless-sync-delay", "0")
"""A server that is asked for its data waits for no others who may ask."""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers, each in a folder of its own, and stops them."""
    numbers = itertools.count()
    with ExitStack() as running:

        def start_one(kind: str, *options: str) -> Live:
            folder = tmp_path / f"server-{next(numbers)}"
            socket_path = str(folder / "server.sock")
            server = start_redis(folder, program=PROGRAMS[kind], socket_path=socket_path, options=(*_AT_ONCE, *options))
            running.callback(server.stop)
            return Live(server)

        yield start_one


@pytest.fixture(params=PROGRAMS)
def origin(request: pytest.FixtureRequest, start: Start) -> Live:
    """A server that holds something of everything."""
    live = start(request.param)
    fill(live)
    return live


@pytest.fixture
def plain(origin: Live, tmp_path: Path) -> Path:
    """A file of all that the origin holds."""
    origin.save()
    path = tmp_path / "plain.rdb"
    shutil.copy(Path(origin.address.socket_path).with_name("dump.rdb"), path)
    return path


@pytest.fixture
def target(origin: Live) -> Iterator[Target]:
    """The origin, as what a backup is brought back to."""
    with open_target(origin.address) as target:
        yield target
