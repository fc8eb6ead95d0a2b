"""What the worker does for accounts."""

from celery import shared_task
from django.utils import timezone

from portal.accounts import services


@shared_task
def forget_old_registrations() -> None:
    """Delete registrations that nobody confirmed in time."""
    services.forget_old_registrations(now=timezone.now())
