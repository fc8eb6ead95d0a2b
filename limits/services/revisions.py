"""What every write leaves behind: who, when, from where, why, before and after."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from limits.models import Revision


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes, and from where: an address, or the name of a command. `user_id` is None where nobody logged in."""

    name: str
    origin: str
    user_id: Any = None


def revise(
    subject_type: str,
    subject: str,
    *,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    actor: Actor,
    reason: str = "",
    at: datetime | None = None,
) -> None:
    """Write one revision. `before` is None for what was made, `after` for what was deleted."""
    Revision.objects.create(
        at=at or timezone.now(),
        subject_type=subject_type,
        subject=subject,
        actor_id=actor.user_id,
        actor_name=actor.name,
        origin=actor.origin,
        reason=reason,
        before=before,
        after=after,
    )
