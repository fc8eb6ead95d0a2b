"""Periodic work of rate limiting."""

import logging

from celery import shared_task

from limits import sync
from limits.exceptions import StoreUnavailable

logger = logging.getLogger("limits")


@shared_task(ignore_result=True)
def reconcile_policies() -> None:
    """Bring Redis into step with the database; every minute, so that the next run makes up for one that cannot."""
    try:
        sync.reconcile()
    except StoreUnavailable as error:
        logger.warning("Redis was not brought into step with the policies: %s", error)
