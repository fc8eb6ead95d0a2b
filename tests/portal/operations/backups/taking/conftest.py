"""Servers to back up, and the address of each."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.portal.operations.backups.servers import PROGRAMS, filled, running
from tests.servers import Server


@dataclass(frozen=True, slots=True)
class Unprivileged:
    """What starts a server that is nobody, and the folder for it."""

    program: str
    folder: Path

    def forbid_forks(self, server: Server) -> None:
        """Let a server start no process any more."""
        asked = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "prlimit", "--nproc=1:1"]
        subprocess.run([*asked, "--pid", str(server.process.pid)], check=True)


@pytest.fixture(scope="module", params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> str:
    """Debian's Redis, and Valkey."""
    return PROGRAMS[request.param]


@pytest.fixture(scope="module")
def full(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with data of every kind, which tests leave as it is."""
    with running(tmp_path_factory.mktemp("full"), program=program) as server:
        with redis.Redis.from_url(server.url) as client:
            filled(client)
        yield server


@pytest.fixture
def client(full: Server) -> Iterator[Any]:
    """A client of that server."""
    with redis.Redis.from_url(full.url) as client:
        yield client


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A folder for backups."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def unprivileged(program: str) -> Iterator[Unprivileged]:
    """A program and a folder for a server that does not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="portal-nobody-"))
    folder.chmod(0o755)
    shutil.copy(program, folder / "server")
    started = folder / "start"
    started.write_text(f'#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups {folder}/server "$@"\n')
    started.chmod(0o755)
    yield Unprivileged(str(started), folder / "data")
    shutil.rmtree(folder)
