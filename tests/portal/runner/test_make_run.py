"""`make run` as a newcomer meets it: a fresh copy of the tree, nothing installed, an empty home."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from portal.runner import address
from portal.runner.state import PROJECT
from tests.portal.runner.running import free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("make_run"), pytest.mark.timeout(600)]
LEFT_BEHIND = shutil.ignore_patterns(".*_cache", ".env", ".git", ".venv", "__pycache__", "var")


def test_a_fresh_copy_serves_and_ctrl_c_ends_it_without_a_complaint(tmp_path: Path) -> None:
    tree = shutil.copytree(PROJECT, tmp_path / "tree", ignore=LEFT_BEHIND)
    port = free_port()
    output_path = tmp_path / "output"
    with output_path.open("wb") as output:
        make = subprocess.Popen(
            ["make", "run", f"PORT={port}"],
            cwd=tree,
            env=_environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(
            lambda: "Ctrl-C stops everything." in output_path.read_text() or make.poll() is not None,
            seconds=400,
        )
        assert make.poll() is None, output_path.read_text()
        assert address.answers("127.0.0.1", port=port)
    finally:
        os.killpg(make.pid, signal.SIGINT)
        make.wait(timeout=60)
    assert output_path.read_text().endswith("Everything is stopped.\n")
    assert not address.answers("127.0.0.1", port=port)


def _environment() -> dict[str, str]:
    """The environment without what a test run adds to it, pip's own settings kept."""
    kept = ("PATH", "HOME", "LANG", "PIP_", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy")
    return {name: value for name, value in os.environ.items() if name.startswith(kept)}
