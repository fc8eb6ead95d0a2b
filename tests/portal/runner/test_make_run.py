"""`make run` as a newcomer meets it: a fresh copy of the tree, with nothing installed."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.runner import address
from portal.runner.state import PROJECT
from tests.portal.runner.running import free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("make_run"), pytest.mark.timeout(600)]
LEFT_BEHIND = shutil.ignore_patterns(".*_cache", ".env", ".git", ".venv", "__pycache__", "var")
INSTALLED_SECONDS = 400.0


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project without anything that a run leaves behind."""
    return shutil.copytree(PROJECT, tmp_path_factory.mktemp("fresh") / "tree", ignore=LEFT_BEHIND)


class MakeRun:
    """`make run` in a session of its own, serving."""

    def __init__(self, tree: Path) -> None:
        self.port = free_port()
        self._output_path = tree / "output"
        kept = ("PATH", "HOME", "LANG", "PIP_", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy")
        with self._output_path.open("wb") as output:
            self.process = subprocess.Popen(
                ["make", "run", f"PORT={self.port}"],
                cwd=tree,
                env={name: value for name, value in os.environ.items() if name.startswith(kept)},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self._has_started, seconds=INSTALLED_SECONDS)
        assert self.serves(), self.output

    @property
    def output(self) -> str:
        """What was written so far."""
        return self._output_path.read_text()

    def serves(self) -> bool:
        """Return whether the web server answers."""
        return address.answers("127.0.0.1", port=self.port)

    def has_ended(self) -> bool:
        """Return whether no process of the session is left."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def _has_started(self) -> bool:
        return "Ctrl-C stops everything." in self.output or self.process.poll() is not None


@pytest.fixture
def make_run(tree: Path) -> Iterator[MakeRun]:
    """`make run`, serving, until the test is over."""
    started = MakeRun(tree)
    yield started
    if not started.has_ended():
        os.killpg(started.process.pid, signal.SIGKILL)
    started.process.wait()


def test_from_nothing_it_serves_and_ctrl_c_ends_it_without_a_complaint(make_run: MakeRun) -> None:
    os.killpg(make_run.process.pid, signal.SIGINT)
    make_run.process.wait(timeout=60)
    assert make_run.output.endswith("Everything is stopped.\n")
    assert make_run.has_ended()
    assert not make_run.serves()


def test_a_make_that_is_killed_takes_the_portal_along(make_run: MakeRun) -> None:
    make_run.process.kill()
    make_run.process.wait()
    wait_until(make_run.has_ended)
    assert make_run.output.endswith("Everything is stopped.\n")
