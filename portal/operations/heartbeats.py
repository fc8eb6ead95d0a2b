"""Signs of life of Celery's processes, kept in the database: Redis may be what ails."""

from datetime import datetime, timedelta

from django_celery_beat.models import PeriodicTask

from portal.operations.models import Heartbeat

WRITE_EVERY = timedelta(seconds=10)
ALIVE_FOR = timedelta(seconds=60)
BEAT_ALIVE_FOR = timedelta(minutes=3)
# Hosts come and go under new names.
FORGOTTEN_AFTER = timedelta(days=1)
LONG_QUEUE_NODE = "long"


def note_worker(name: str, *, now: datetime) -> bool:
    """Note that a worker lives; return whether a write was due."""
    fresh = Heartbeat.objects.filter(name=name, at__gt=now - WRITE_EVERY)
    if fresh.exists():
        return False
    Heartbeat.objects.update_or_create(name=name, defaults={"at": now})
    Heartbeat.objects.filter(at__lt=now - FORGOTTEN_AFTER).delete()
    return True


def worker_lives(*, now: datetime) -> bool:
    """Say whether a worker of the minute's work was alive within a minute."""
    beats = Heartbeat.objects.filter(at__gt=now - ALIVE_FOR)
    return beats.exclude(name__startswith=LONG_QUEUE_NODE).exists()


def long_worker_lives(*, now: datetime) -> bool:
    """Say whether a worker of long jobs was alive within a minute."""
    return Heartbeat.objects.filter(at__gt=now - ALIVE_FOR, name__startswith=LONG_QUEUE_NODE).exists()


def beat_lives(*, now: datetime) -> bool:
    """Say whether beat sent anything within three minutes: policies are compared every minute."""
    return bool(PeriodicTask.objects.filter(last_run_at__gt=now - BEAT_ALIVE_FOR).exists())
