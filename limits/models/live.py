"""Live counters, which are in Redis alone: the right to reset them, and their place in the admin."""

from limits.models.policies import Policy


class LiveCounters(Policy):
    """A policy, as the one whose counters are looked at."""

    class Meta:
        proxy = True
        verbose_name = "live counters"
        verbose_name_plural = "live counters"
        default_permissions = ()
        permissions = [("reset_counters", "Can let clients start afresh")]
