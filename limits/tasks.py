"""Periodic work of rate limiting."""

import logging

from celery import shared_task
from django.utils import timezone

from limits import services, sync
from limits.exceptions import StoreUnavailable
from limits.services import Actor, tallies

logger = logging.getLogger("limits")


@shared_task(ignore_result=True)
def reconcile_policies() -> None:
    """Bring Redis into step with the database; every minute, so that the next run makes up for one that cannot."""
    try:
        sync.reconcile()
    except StoreUnavailable as error:
        logger.warning("Redis was not brought into step with the policies: %s", error)


@shared_task(ignore_result=True)
def save_tallies() -> None:
    """Save what came of requests; every minute. What cannot be read now waits in Redis and in the processes."""
    try:
        tallies.save_tallies()
    except StoreUnavailable as error:
        logger.warning("Tallies were not saved: %s", error)


@shared_task(ignore_result=True)
def forget_old_tallies() -> None:
    """Delete old tallies, and refusals that hold addresses; every day."""
    try:
        tallies.forget_old_tallies(now=timezone.now())
    except StoreUnavailable as error:
        logger.warning("Old refusals were deleted in the database, and not in Redis: %s", error)


@shared_task(ignore_result=True)
def forget_ended_overrides() -> None:
    """Delete overrides that have ended, and what the history tells of people's addresses for too long; every hour."""
    services.forget_ended_overrides(actor=Actor(name="limits", origin="forget_ended_overrides"))
