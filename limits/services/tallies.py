"""Tallies and last refusals, from Redis into the database, and out of it when they are old.

Saving is safe to repeat: a minute is saved as it stands in Redis, and never as less than was saved before, should Redis
have been emptied meanwhile.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from django.db import connection

from limits.conf import conf
from limits.core.tallies import OUTCOMES
from limits.models import LastRefusal, Tally
from limits.store import tallies as store
from limits.store.tallies import Rows

REFUSALS_MAX = 10_000
"""Refusals that the database holds: the latest."""
ROWS_AT_ONCE = 500
NONE = (0,) * len(OUTCOMES)


def save_tallies() -> None:
    """Save what changed in Redis since the last time. Raises StoreUnavailable."""
    found = store.changed()
    _save_minutes(found.minutes)
    store.settle(found)
    _save_refusals()


def forget_old_tallies(*, now: datetime) -> None:
    """Delete tallies and refusals that are older than settings allow. Raises StoreUnavailable, once that is done."""
    Tally.objects.filter(minute__lt=now - timedelta(days=conf.tally_days)).delete()
    oldest = now - timedelta(days=conf.address_days)
    LastRefusal.objects.filter(at__lt=oldest).delete()
    store.forget_refusals(before=oldest.timestamp())


def _save_minutes(minutes: Mapping[int, Rows]) -> None:
    moments = {minute: datetime.fromtimestamp(minute * 60, UTC) for minute in minutes}
    fields = ("minute", "policy", *OUTCOMES)
    saved = {row[:2]: row[2:] for row in Tally.objects.filter(minute__in=moments.values()).values_list(*fields)}
    grown: list[Tally] = []
    for minute, rows in minutes.items():
        for policy, row in rows.items():
            before = saved.get((moments[minute], policy), NONE)
            numbers = tuple(map(max, row, before))
            if numbers != before:
                values = dict(zip(OUTCOMES, numbers, strict=True))
                grown.append(Tally(minute=moments[minute], policy=policy, **values))
    # MariaDB and MySQL go by every unique key, and take none named.
    takes_names = connection.features.supports_update_conflicts_with_target
    Tally.objects.bulk_create(
        grown,
        batch_size=ROWS_AT_ONCE,
        update_conflicts=True,
        update_fields=OUTCOMES,
        unique_fields=["minute", "policy"] if takes_names else None,
    )


def _save_refusals() -> None:
    latest = LastRefusal.objects.order_by("-pk").values_list("entry", flat=True).first()
    found = [
        LastRefusal(
            entry=entry.id,
            at=datetime.fromtimestamp(entry.refused.at, UTC),
            policy=entry.refused.policy,
            client=entry.refused.client,
            place=entry.refused.place,
        )
        for entry in store.refusals_after(latest or "")
    ]
    LastRefusal.objects.bulk_create(found, batch_size=ROWS_AT_ONCE, ignore_conflicts=True)
    surplus = LastRefusal.objects.order_by("-pk").values_list("pk", flat=True)[REFUSALS_MAX : REFUSALS_MAX + 1]
    for pk in surplus:
        LastRefusal.objects.filter(pk__lte=pk).delete()
