"""Who edits policies: saves them as the admin does, through the services. It makes no decisions."""

import time
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.utils import timezone  # noqa: E402 - what follows needs the applications loaded

from bench.peers.in_turns import serve  # noqa: E402
from limits import services, sync, sync_overrides  # noqa: E402
from limits.core.overrides import PARTS  # noqa: E402
from limits.models import Override, OverridePart, Policy  # noqa: E402

ACTOR = services.Actor(name="bench", origin="make bench")


def main() -> None:
    serve({"save": save, "fill": fill, "override": override, "sync": timed_sync})


def save(slug: str, fields: dict[str, Any]) -> tuple[float, float]:
    """Save a policy, new or known. Return when that began and when it returned, by the machine's monotonic clock."""
    policy = Policy.objects.filter(slug=slug).first() or Policy(slug=slug, title=slug, key="ip")
    for name, value in fields.items():
        setattr(policy, name, value)
    began = time.monotonic()
    services.save_policy(policy, actor=ACTOR)
    return began, time.monotonic()


def fill(policies: int, subjects: list[str]) -> None:
    """Make so many policies, half of them for a path, and an override for each subject; no sync yet."""
    Policy.objects.bulk_create(
        Policy(
            slug=f"policy-{number}",
            title=f"Policy {number}",
            key="ip",
            rates="1000 per hour",
            path=f"/shop-{number}/**" if number % 2 else "",
        )
        for number in range(policies)
    )
    Override.objects.bulk_create(map(_other_rates, subjects), batch_size=2_000)
    for number in range(PARTS):
        OverridePart.objects.update_or_create(number=number, defaults={"version": time.time_ns()})


def override(subject: str) -> float:
    """Deny somebody, as the admin does; return the seconds that the save took, its sync included."""
    denied = Override(effect="denied", reason="A benchmark", until=timezone.now() + timedelta(days=1))
    denied.place(subject)
    began = time.monotonic()
    services.save_override(denied, actor=ACTOR)
    return time.monotonic() - began


def timed_sync() -> float:
    """Bring Redis into step with the database; return the seconds it took."""
    began = time.monotonic()
    sync.reconcile()
    sync_overrides.reconcile_overrides()
    return time.monotonic() - began


def _other_rates(subject: str) -> Override:
    until = timezone.now() + timedelta(days=1)
    made = Override(effect="rates", rates="1000 per hour", reason="A benchmark", until=until)
    made.place(subject)
    made.saved_by, made.saved_at = ACTOR.name, timezone.now()
    return made


if __name__ == "__main__":
    main()
