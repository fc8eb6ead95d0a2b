"""The parts in which overrides travel: held while they are written, and published once that is committed."""

import time
from collections.abc import Iterable

from django.db import transaction
from django.db.models import F, PositiveBigIntegerField
from django.db.models.functions import Greatest

from limits import sync, sync_overrides
from limits.models import OverridePart


def hold(parts: Iterable[int]) -> None:
    """Have whoever else makes an override of these parts wait until the transaction ends."""
    list(OverridePart.objects.select_for_update().filter(number__in=parts).order_by("number").values_list("pk"))


def touch(parts: Iterable[int]) -> None:
    """Let the versions of parts grow, and have them published once this is committed."""
    numbers = sorted(parts)
    if numbers:
        grown = Greatest(F("version") + 1, int(time.time() * 1000), output_field=PositiveBigIntegerField())
        OverridePart.objects.filter(number__in=numbers).update(version=grown)
        transaction.on_commit(_publish_soon)


def _publish_soon() -> None:
    if not sync_overrides.publish_once():
        sync.publish_in_background()
