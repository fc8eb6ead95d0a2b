"""A state folder for commands that run in a process of their own."""

from pathlib import Path

import pytest

from .running import manage


@pytest.fixture(scope="session")
def installed_var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder whose database is migrated, with nothing running on it."""
    var = tmp_path_factory.mktemp("installed")
    done = manage("migrate", "--verbosity", "0", var=var)
    assert done.returncode == 0, done.stderr
    return var
