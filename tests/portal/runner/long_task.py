"""A task that lasts until a test lets it end."""

import time
from pathlib import Path

from celery import shared_task


@shared_task
def last_until(*, started: str, may_end: str, ended: str) -> None:
    """Make the file `started`, wait for the file `may_end`, make the file `ended`."""
    Path(started).touch()
    while not Path(may_end).exists():
        time.sleep(0.05)
    Path(ended).touch()
