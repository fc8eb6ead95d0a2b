"""`/healthz` and `/readyz`: is this process alive, can it serve, and what ails around it."""

from collections.abc import Callable

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from limits import sync
from limits.exceptions import StoreUnavailable
from limits.in_force import policies_in_force
from limits.store import server
from limits.store.connection import breaker
from portal.operations import heartbeats
from portal.redis_address import connect

OK, DEGRADED = "ok", "degraded"


@never_cache
@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """Answer that this process is alive, and nothing else."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Tell what works. 503 only when this process cannot serve: without the database it can serve no page.

    A dead worker, or Redis away, must not take the web servers out: pages answer all the same.
    """
    parts = {
        name: OK if _holds(works) else DEGRADED
        for name, works in (
            ("database", _database_answers),
            ("redis", _redis_answers),
            ("broker", _broker_answers),
            ("worker", lambda: heartbeats.worker_lives(now=timezone.now())),
            ("beat", lambda: heartbeats.beat_lives(now=timezone.now())),
            ("policies", _policies_are_in_step),
            ("limiter", lambda: not breaker.degraded),
        )
    }
    can_serve = parts["database"] == OK
    status = OK if all(part == OK for part in parts.values()) else DEGRADED
    return JsonResponse(
        {"status": status if can_serve else "unavailable", **parts},
        status=200 if can_serve else 503,
    )


def _holds(works: Callable[[], bool]) -> bool:
    try:
        return works()
    except (DatabaseError, StoreUnavailable, redis.RedisError, OSError):
        return False


def _database_answers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def _redis_answers() -> bool:
    server.ping()
    return True


def _broker_answers() -> bool:
    with connect(settings.BROKER) as broker:
        return bool(broker.ping())


def _policies_are_in_step() -> bool:
    return bool(policies_in_force.snapshot.policies) and sync.compare().in_step
