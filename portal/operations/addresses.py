"""The addresses of the site's settings, by the names under which pages, alerts and backups speak of them."""

from django.conf import settings

from portal.redis_address import RedisAddress

REDIS, LIMITS, BROKER = "redis", "limits", "broker"


def site_addresses() -> dict[str, RedisAddress]:
    """Return the address of each name."""
    return {REDIS: settings.REDIS, LIMITS: settings.RATELIMIT_STORAGE, BROKER: settings.BROKER}
