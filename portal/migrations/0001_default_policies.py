"""The policies that the site begins with. One that is there already is left as it is."""

from typing import Any

from django.db import migrations
from django.utils import timezone

from limits.core.client_keys import ClientKey
from limits.core.rates import Rate

DAY, HOUR, MINUTE = 86_400, 3_600, 60
IP, USER = ClientKey("ip"), ClientKey("user")
DEFAULTS = (
    (
        "login",
        "Logging in",
        "Guessing passwords. The admin's login counts too.",
        IP,
        ("POST",),
        (Rate(5, MINUTE),),
    ),
    (
        "password-reset",
        "Resetting a password",
        "Each try sends a mail.",
        IP,
        ("POST",),
        (Rate(3, HOUR),),
    ),
    ("register", "Registering", "Each try sends a mail.", IP, ("POST",), (Rate(5, HOUR),)),
    (
        "api-search",
        "Searching by the API",
        "For each user; without one, for each address.",
        USER,
        (),
        (Rate(30, MINUTE),),
    ),
    (
        "default",
        "This site",
        "Whatever no other policy looks at.",
        IP,
        (),
        (Rate(200, DAY), Rate(50, HOUR)),
    ),
)

AS_EVERY_OTHER = {
    "mode": "enforce",
    "algorithm": "fixed-window",
    "view": "",
    "path": "",
    "priority": 0,
    "ipv6_prefix": 64,
    "cost": 1,
    "counts": "every",
    "refusals_count": False,
    "penalty_seconds": 0,
}


def load_defaults(apps: Any, schema_editor: Any) -> None:
    Policy = apps.get_model("limits", "Policy")
    Revision = apps.get_model("limits", "Revision")
    for slug, title, description, key, methods, rates in DEFAULTS:
        fields = {
            "title": title,
            "description": description,
            "key": key,
            "methods": methods,
            "rates": rates,
            # An outage must not be the moment to guess passwords or to have mails sent.
            "without_redis": "count-here" if "POST" in methods else "allow",
        }
        _, made = Policy.objects.get_or_create(slug=slug, defaults=fields)
        if made:
            Revision.objects.create(
                at=timezone.now(),
                subject_type="policy",
                subject=slug,
                actor_name="the portal",
                origin="first migration",
                before=None,
                after=fields
                | AS_EVERY_OTHER
                | {
                    "key": str(key),
                    "methods": list(methods),
                    "rates": [str(rate) for rate in rates],
                },
            )


class Migration(migrations.Migration):
    dependencies = [("limits", "0002_policy_modes")]
    operations = [migrations.RunPython(load_defaults, migrations.RunPython.noop)]
