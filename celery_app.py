"""The Celery application: `celery -A celery_app worker`, `celery -A celery_app beat`."""

import os
from typing import Any

from celery import Celery
from celery.signals import heartbeat_sent, setup_logging, worker_process_init, worker_process_shutdown

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["portal.operations"], related_name="long")


@setup_logging.connect
def leave_logging_to_django(**kwargs: Any) -> None:
    """Keep Celery from setting up logs of its own: Django's LOGGING holds for all processes."""


@worker_process_init.connect
def start_limits(**kwargs: Any) -> None:
    """Take the policies in force, for tasks that are limited: each process of a pool has a keeper of its own."""
    from portal.start import start

    start()


@worker_process_shutdown.connect
def forget_metrics(pid: int, **kwargs: Any) -> None:
    """Drop what this process alone stood for among the metrics; what it counted stays."""
    from limits import metrics

    metrics.forget_process(pid)


@heartbeat_sent.connect
def note_heartbeat(sender: Any, **kwargs: Any) -> None:
    """Leave the worker's sign of life in the database; a database that is away costs the sign, not the worker."""
    from django.db import Error, connection
    from django.utils import timezone

    from portal.operations import heartbeats

    try:
        heartbeats.note_worker(sender.eventer.hostname, now=timezone.now())
    except Error:
        # Else the next sign would be tried on the same broken connection: here nobody closes it after a request.
        connection.close()
