"""Rate limits that are changed in the admin and hold on every worker within a second.

For a view: `@limit("login")`. For a view that already has django-ratelimit's decorator:
`@ratelimit(group="login", key="limits.key_for", rate="limits.rate_for")`. A web process calls `limits.start()` once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limits.decorators import limit
    from limits.enforcement import check
    from limits.ratelimit_hooks import key_for, rate_for
    from limits.startup import start

_HOME = {
    "limit": "limits.decorators",
    "check": "limits.enforcement",
    "key_for": "limits.ratelimit_hooks",
    "rate_for": "limits.ratelimit_hooks",
    "start": "limits.startup",
}
__all__ = ["check", "key_for", "limit", "rate_for", "start"]


def __getattr__(name: str) -> Any:
    # On first use: Django imports this package before its settings and applications are there.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
