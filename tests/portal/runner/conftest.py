"""State folders and runners for the tests of whole processes."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.portal.runner.running import Runner

PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
def prepared_var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder that a runner made, used and left."""
    var = tmp_path_factory.mktemp("prepared") / "var"
    runner = Runner(var, PORTAL_ADMIN_PASSWORD=PASSWORD)
    try:
        runner.wait_for("The portal runs").interrupt()
        assert runner.exit_code() == 0, runner.output
    finally:
        runner.end()
    return var


@pytest.fixture
def var(prepared_var: Path, tmp_path: Path) -> Path:
    """A copy of it, for one test alone."""
    return shutil.copytree(prepared_var, tmp_path / "var")


@pytest.fixture
def start() -> Iterator[Callable[..., Runner]]:
    """Starts runners, which end with the test."""
    started: list[Runner] = []

    def _start(var: Path, **options: Any) -> Runner:
        started.append(Runner(var, **options))
        return started[-1]

    yield _start
    for runner in started:
        runner.end()


@pytest.fixture
def runner(start: Callable[..., Runner], var: Path) -> Runner:
    """A runner that serves."""
    return start(var).wait_for("The portal runs")
