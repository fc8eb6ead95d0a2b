"""The server itself: does it answer, and is it new enough."""

from typing import Any

from limits.conf import conf
from limits.exceptions import StoreTooOld
from limits.store.connection import in_request, outside_request

OLDEST_MAJOR_VERSION = 7


def check_version() -> None:
    """Raise StoreTooOld when the server is older than the scripts' flags; a Valkey tells for which Redis it stands."""
    told = outside_request(lambda client: client.info("server"))
    node: dict[str, Any] = told if "redis_version" in told else next(iter(told.values()))
    version = str(node["redis_version"])
    if int(version.partition(".")[0]) < OLDEST_MAJOR_VERSION:
        raise StoreTooOld(
            f"The server of the cache “{conf.cache_alias}” is Redis {version}. "
            "Limits need Redis 7.0 or newer, or Valkey."
        )


def ping() -> None:
    """Raise StoreUnavailable when Redis does not answer."""
    in_request(lambda client: client.ping())
