"""`/healthz` and `/readyz`: is this process alive, can it serve, and what ails around it."""

import threading
import time
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
from portal.operations.watching import turns
from portal.redis_address import connect

OK, DEGRADED = "ok", "degraded"
KEPT_SECONDS = 1.0


@never_cache
@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """Answer that this process is alive, and nothing else."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Tell what works. 503 only when this process cannot serve: without the database it can serve no page.

    A dead worker, or Redis away, must not take the web servers out: pages answer all the same. Anybody may ask, as
    often as they like, so what was found holds for a second.
    """
    parts = findings.latest()
    can_serve = parts["database"] == OK
    status = OK if all(part == OK for part in parts.values()) else DEGRADED
    return JsonResponse(
        {"status": status if can_serve else "unavailable", **parts},
        status=200 if can_serve else 503,
    )


class Findings:
    """What was found out last, by part, and found out anew once it is old. One thread asks; others wait for it."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asking = threading.Lock()
        self._parts: dict[str, str] = {}
        self._holds_until = 0.0

    def latest(self) -> dict[str, str]:
        """Return each part as it was found within the last second."""
        with self._asking:
            if not self._parts or self._clock() >= self._holds_until:
                self._parts = _parts()
                self._holds_until = self._clock() + KEPT_SECONDS
            return self._parts


findings = Findings()


def _parts() -> dict[str, str]:
    return {
        name: OK if _holds(works) else DEGRADED
        for name, works in (
            ("database", _database_answers),
            ("redis", _redis_answers),
            ("broker", _broker_answers),
            ("worker", lambda: heartbeats.worker_lives(now=timezone.now())),
            ("beat", lambda: heartbeats.beat_lives(now=timezone.now())),
            ("watch", lambda: turns.watch_lives(now=timezone.now())),
            ("policies", _policies_are_in_step),
            ("limiter", lambda: not breaker.degraded),
        )
    }


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
    return bool(policies_in_force.snapshot.policies) and sync.is_in_step()
