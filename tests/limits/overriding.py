"""Overrides that tests begin with."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from limits import services
from limits.core.overrides import Effect
from limits.models import Override
from limits.services import Actor

SOMEBODY = Actor(name="somebody", origin="a test")


def override(subject: str = "198.51.100.0/24", **changes: Any) -> Override:
    """Return an override that exempts for a day, not saved."""
    now: datetime = timezone.now()
    values = {"effect": Effect.EXEMPT.value, "since": now, "until": now + timedelta(days=1), "reason": "a test"}
    made = Override(**values | changes)
    made.place(subject)
    return made


def saved(subject: str = "198.51.100.0/24", **changes: Any) -> Override:
    """Return a saved override that exempts for a day."""
    return services.save_override(override(subject, **changes), actor=SOMEBODY)
