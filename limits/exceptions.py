"""What can go wrong with rate limits."""

from django.core.exceptions import ImproperlyConfigured


class StoreUnavailable(Exception):
    """Redis did not answer in time, or not as it should; nothing was counted and nothing written."""


class StoreTooOld(ImproperlyConfigured):
    """The server is a Redis before 7.0, which cannot run the scripts."""


class PolicyConflict(Exception):
    """Somebody else changed the policy meanwhile; nothing was saved."""


class OverrideConflict(Exception):
    """Somebody else changed or deleted the override meanwhile; nothing was saved."""


class PolicyInUse(Exception):
    """Code names the policy, so it cannot be deleted; it can be switched off."""
