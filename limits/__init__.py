"""Rate limits that are changed in the admin and hold on every worker within a second.

For a view: `@limit("login")`. For a view that already has django-ratelimit's decorator:
`@ratelimit(group="login", key="limits.key_for", rate="limits.rate_for")`. Within code: `check(request, "login")`, and
with no request `hit("mails", "alice@example.org")`; in async code `acheck` and `ahit`. In your tests:
`override_policy`. A web process calls `limits.start()` once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limits.decorators import limit
    from limits.enforcement import acheck, check
    from limits.hits import ahit, hit
    from limits.ratelimit_hooks import key_for, rate_for
    from limits.startup import start
    from limits.testing import override_policy

_HOME = {
    "acheck": "limits.enforcement",
    "ahit": "limits.hits",
    "check": "limits.enforcement",
    "hit": "limits.hits",
    "key_for": "limits.ratelimit_hooks",
    "limit": "limits.decorators",
    "override_policy": "limits.testing",
    "rate_for": "limits.ratelimit_hooks",
    "start": "limits.startup",
}
__all__ = ["acheck", "ahit", "check", "hit", "key_for", "limit", "override_policy", "rate_for", "start"]


def __getattr__(name: str) -> Any:
    # On first use: Django imports this package before its settings and applications are there.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOME[name]), name)
    return found
