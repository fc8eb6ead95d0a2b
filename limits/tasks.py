"""Periodic work of rate limiting."""

from celery import shared_task

from limits import sync


@shared_task(ignore_result=True)
def reconcile_policies() -> None:
    """Bring Redis into step with the database; every minute."""
    sync.reconcile()
