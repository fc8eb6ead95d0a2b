"""A whole running portal: `make run`, with nothing switched off, in a fresh copy of the tree."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers import free_port, wait_until

START_SECONDS = 240.0
STOP_SECONDS = 60.0
_LINE = re.compile(r"^\s*Password:\s+(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RunningPortal:
    """`folder` is its tree, `port` where it listens on loopback."""

    folder: Path
    port: int
    log: Path
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def password(self) -> str:
        """What the banner told; the admin's name is `admin`."""
        match = _LINE.search(self.log.read_text())
        assert match, self.log.read_text()
        return match[1]

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command as its operator would, with its own Python."""
        return subprocess.run(
            [".venv/bin/python", "manage.py", *arguments],
            cwd=self.folder,
            env=_environment(self.port),
            text=True,
            capture_output=True,
        )

    def web_workers(self) -> set[int]:
        """Return the pids of the processes that answer requests: gunicorn's whose parent is gunicorn."""
        parents = {pid: parent for pid, parent, command in _processes() if self._is_gunicorn(command)}
        return {pid for pid, parent in parents.items() if parent in parents}

    def embedded_server(self) -> int:
        """Return the pid of the Redis-compatible server."""
        (pid,) = (
            pid for pid, _, command in _processes() if "valkey-server" in command[0] and str(self.folder) in command[0]
        )
        return pid

    def _is_gunicorn(self, command: list[str]) -> bool:
        return "gunicorn" in command and command[0].startswith(str(self.folder))

    def stop(self) -> int:
        """Press Ctrl-C; return the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(timeout=STOP_SECONDS)


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPortal]:
    """The portal, once for all tests that drive it."""
    folder = tmp_path_factory.mktemp("fresh") / "portal"
    copy_tree(folder)
    running = start(folder, port=free_port())
    yield running
    running.stop()


def _processes() -> Iterator[tuple[int, int, list[str]]]:
    """Yield pid, parent's pid and command line of every process."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_text().split("\0")
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            yield int(folder.name), int(parent), command


def copy_tree(folder: Path) -> None:
    """Copy what a clone would hold of the tree, with what is not committed yet."""
    root = Path(__file__).resolve().parent.parent
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        text=True,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)


def start(folder: Path, *, port: int) -> RunningPortal:
    """Run `make run` and return once it serves; fail, showing what it said, when it does not."""
    log = folder.parent / "make-run.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "run"],
            cwd=folder,
            env=_environment(port),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = RunningPortal(folder=folder, port=port, log=log, process=process)

    def is_up() -> bool:
        assert process.poll() is None, log.read_text()
        return _LINE.search(log.read_text()) is not None

    wait_until(is_up, what="make run", seconds=START_SECONDS)
    return running


def _environment(port: int) -> dict[str, str]:
    """Return what a user's shell would have: nothing of this test run but the database, where one is given."""
    ours = ("PORTAL_", "SECRET_KEY", "DJANGO_", "PYTEST_", "VIRTUAL_ENV", "MAKE", "MFLAGS", "VENV", "CI")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"PORT": str(port)}
