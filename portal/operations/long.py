"""Long jobs, on a queue of their own. When each runs stands in the database; it can be changed in the admin.

Each task performs one run at most: so the time limit is that of one, and the next is begun within half a minute.
"""

import logging

from celery import shared_task
from django.utils import timezone

from portal.operations import runs
from portal.operations.backups import going_back
from portal.operations.backups.sources import source_names
from portal.operations.backups.work import BACKUP, WORK
from portal.operations.runs import schedule

logger = logging.getLogger("portal.backups")

HALF_A_DAY_SECONDS = 12 * 3600
# At the first the work ends in order, and so does its row; this is for what hangs even then.
KILLED_AFTER_SECONDS = HALF_A_DAY_SECONDS + 300


@shared_task(
    ignore_result=True,
    acks_late=False,
    expires=HALF_A_DAY_SECONDS,
    soft_time_limit=HALF_A_DAY_SECONDS,
    time_limit=KILLED_AFTER_SECONDS,
)
def back_up() -> None:
    """Ask for a backup of each source, for the slot that the schedule has come to, and begin; nightly."""
    schedule.ask_scheduled(BACKUP, task=back_up.name, sources=source_names(), now=timezone.now())
    runs.perform_due(WORK, most=1)


@shared_task(
    ignore_result=True,
    acks_late=False,
    expires=25,
    soft_time_limit=HALF_A_DAY_SECONDS,
    time_limit=KILLED_AFTER_SECONDS,
)
def run_waiting() -> None:
    """Perform what waits: asked for in the admin, to be tried again, or missed by beat; every half minute.

    Old data that restores moved aside is dropped once its hour is over.
    """
    for complaint in going_back.drop_old_data(now=timezone.now()):
        logger.warning("%s", complaint)
    schedule.make_up(BACKUP, task=back_up.name, sources=source_names(), now=timezone.now())
    runs.perform_due(WORK, most=1)
