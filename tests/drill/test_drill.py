"""`make drill`, as operators run it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

UNREACHABLE = {
    "DATABASE_URL": "mysql://nobody@127.0.0.1:1/nothing",
    "REDIS_URL": "redis://127.0.0.1:1",
    "RATELIMIT_STORAGE_URL": "redis://127.0.0.1:1/1",
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/2",
    "BACKUP_DIR": "/dev/null/nothing",
    "BACKUP_STORAGE_URL": "s3://nothing/nothing?endpoint_url=http://127.0.0.1:1",
    "BACKUP_RECIPIENT": "no key",
    "ALERT_URLS": "json://127.0.0.1:1",
}
"""A site that the drill would fail on, if it used any of it."""


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.timeout(900)
def test_everything_comes_back_and_nothing_of_the_site_is_used(root: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "drill", "valkey"],
        cwd=root,
        env=os.environ | UNREACHABLE | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    last = ran.stdout.splitlines()[-1]
    assert last.startswith("Back again after ")
    assert last.endswith("keys equal, 2 function libraries equal, 9 policies equal, 60 overrides equal.")
    assert not list(tmp_path.iterdir())
