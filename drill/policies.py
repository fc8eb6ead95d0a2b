"""`python -m drill.policies`: policies and overrides as administrators make them, in the site's database and Redis."""

from datetime import timedelta
from typing import Any

import django

django.setup()

from django.utils import timezone  # noqa: E402 - what follows needs the applications loaded

from limits import services, sync  # noqa: E402
from limits.core.overrides import Effect  # noqa: E402
from limits.models import Override, Policy  # noqa: E402

_ACTOR = services.Actor(name="drill", origin="make drill")
_POLICIES: dict[str, dict[str, Any]] = {
    "downloads": {"key": "ip", "rates": "20 per minute\n300 per hour", "algorithm": "sliding-window"},
    "uploads": {"key": "user", "rates": "5 per minute", "algorithm": "token-bucket", "mode": "shadow"},
    "reports": {"key": "ip", "rates": "3 per hour", "path": "/reports/**", "penalty_seconds": 600},
    "exports": {"key": "ip", "rates": "10 per day", "cost": 2, "description": "Umlauts – ä, ö, ü – and “quotes”."},
}
_OVERRIDES = 60


def main() -> None:
    """Make policies, edit one that every site begins with, and make overrides."""
    for slug, fields in _POLICIES.items():
        _save(Policy(slug=slug, title=slug.title()), fields)
    _save(Policy.objects.get(slug="login"), {"rates": "7 per minute\n70 per hour"})
    for number in range(_OVERRIDES):
        services.save_override(_override(number), actor=_ACTOR)
    sync.reconcile(thorough=True)


def _save(policy: Policy, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(policy, name, value)
    services.save_policy(policy, actor=_ACTOR, reason="A drill.")


def _override(number: int) -> Override:
    effect = (Effect.DENIED, Effect.EXEMPT, Effect.RATES)[number % 3]
    override = Override(effect=effect.value, policy="login" if number % 2 else "", reason=f"Drill {number}.")
    override.rates = "100 per minute" if effect == Effect.RATES else ""
    override.until = timezone.now() + timedelta(days=7)
    override.place(f"198.51.100.{number}" if number % 4 else f"10.{number}.0.0/16")
    return override


if __name__ == "__main__":
    main()
