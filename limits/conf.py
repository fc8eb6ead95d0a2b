"""The settings of rate limiting, read when they are used."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from django.conf import settings


class Conf:
    """Typed access to the LIMITS_… settings, with their defaults."""

    @property
    def enabled(self) -> bool:
        """Whether anything is limited at all; django-ratelimit's own setting, which tests of a site switch off."""
        return bool(getattr(settings, "RATELIMIT_ENABLE", True))

    @property
    def cache_alias(self) -> str:
        """The cache in which counters and the policies' copy live; django-ratelimit's own setting."""
        return getattr(settings, "RATELIMIT_USE_CACHE", "default")

    @property
    def default_policy(self) -> str:
        """The slug that holds for every request that no other policy looked at; empty for none."""
        return getattr(settings, "LIMITS_DEFAULT_POLICY", "default")

    @property
    def exempt_paths(self) -> tuple[str, ...]:
        """Paths that the default policy leaves alone; one that ends in a slash stands for all under it."""
        return tuple(getattr(settings, "LIMITS_EXEMPT_PATHS", ()))

    @property
    def trusted_proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Networks whose X-Forwarded-For counts."""
        return tuple(getattr(settings, "LIMITS_TRUSTED_PROXIES", ()))

    @property
    def processes(self) -> int:
        """How many processes serve the site: each has its share of a limit while Redis is away."""
        return max(1, int(getattr(settings, "LIMITS_PROCESSES", 1)))

    @property
    def hash_key(self) -> bytes:
        """Keys the hashes that stand for what clients typed."""
        return str(getattr(settings, "LIMITS_HASH_KEY", settings.SECRET_KEY)).encode()

    @property
    def look_seconds(self) -> float:
        """How often, at most, a process looks whether the policies changed."""
        return float(getattr(settings, "LIMITS_LOOK_SECONDS", 0.25))

    @property
    def address_days(self) -> int:
        """How many days at most an address of a person is kept."""
        return int(getattr(settings, "LIMITS_ADDRESS_DAYS", 30))

    @property
    def tally_days(self) -> int:
        """How many days the tallies of each minute are kept."""
        return int(getattr(settings, "LIMITS_TALLY_DAYS", 90))

    @property
    def snapshot_file(self) -> Path | None:
        """Where the last good copy of the policies is kept; None keeps none."""
        path = getattr(settings, "LIMITS_SNAPSHOT_FILE", None)
        return Path(path) if path else None


conf = Conf()
