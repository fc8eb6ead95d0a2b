"""Who fills a site's database with a year of samples, and keeps, thins out and reads them; answers are seconds."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402 - what follows needs the applications loaded
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench.filling import fill  # noqa: E402
from bench.peers.in_turns import serve  # noqa: E402
from portal.operations.models import RedisServer  # noqa: E402
from portal.operations.watching.readings import Look, Reading, ServerLook  # noqa: E402
from portal.operations.watching.samples.keeping import keep, last_looks  # noqa: E402
from portal.operations.watching.samples.series import latest, memory_forecast, points  # noqa: E402
from portal.operations.watching.samples.thinning import thin_out  # noqa: E402

_ROUNDS = 5
_PERIODS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=31), "year": timedelta(366)}
_SIZES = {
    name: 1
    for name in Reading.__annotations__
    if name not in ("at", "engine", "version", "run_id", "role", "maxmemory_policy")
}
_READING = partial(
    Reading, engine="redis", version="7.0.15", run_id="a", role="primary", maxmemory_policy="noeviction", **_SIZES
)


def main() -> None:
    serve({"migrate": migrate, "fill": fill_it, "read": read, "keep": keep_it, "thin_out": thin_it_out, "page": page})


def migrate() -> None:
    """Make the tables of an empty database."""
    call_command("migrate", verbosity=0)


def fill_it() -> dict[str, float]:
    """Fill the database; return how many samples it then has, and the seconds that it took."""
    began = time.perf_counter()
    return {"samples": fill(now=timezone.now()), "seconds": time.perf_counter() - began}


def read(period: str) -> dict[str, float]:
    """Read what the dashboard shows of one server's samples, the slowest of some times, each of another server."""
    now = timezone.now()
    servers = list(RedisServer.objects.values_list("pk", flat=True)[:_ROUNDS])
    length = _PERIODS[period]
    return {
        "points": max(_seconds(partial(points, pk, since=now - length, until=now)) for pk in servers),
        "others": max(_seconds(partial(_others, pk, now=now)) for pk in servers),
    }


def _others(server_pk: int, *, now: datetime) -> None:
    last_looks()
    latest(server_pk)
    memory_forecast(server_pk, now=now)


def keep_it() -> float:
    """Keep a look at all servers, the slowest of some."""
    now = timezone.now()
    looks = [_look_at_all(now + timedelta(seconds=15 * number)) for number in range(_ROUNDS)]
    return max(_seconds(partial(keep, look)) for look in looks)


def thin_it_out() -> list[float]:
    """Thin out twice: all that was left to do, and nothing."""
    later = timezone.now() + timedelta(hours=2)
    return [_seconds(partial(thin_out, later)) for _ in range(2)]


def page() -> float:
    """Ask for the admin's front page, the slowest of some after the first."""
    user, _ = get_user_model().objects.get_or_create(
        username="bench", email="bench@localhost", is_staff=True, is_superuser=True
    )
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)

    def ask() -> None:
        response = client.get(reverse("admin:index"))
        assert response.status_code == 200, response.status_code

    ask()
    return max(_seconds(ask) for _ in range(_ROUNDS))


def _look_at_all(at: datetime) -> Look:
    before = _READING(at=at - timedelta(seconds=15))
    return Look(
        at,
        tuple(
            ServerLook("redis, limits", place, reading=replace(before, at=at), before=before, holds_counters=True)
            for place in RedisServer.objects.values_list("place", flat=True)
        ),
    )


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
