"""Commands as operators type them."""

from io import StringIO
from typing import Any

import redis
from django.core.management import call_command

from tests.portal.operations.backups.whole.conftest import Site


def command(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def backed_up() -> str:
    """Make a backup, and return its name."""
    return command("redis_backup").partition(":")[0]


def single_client(site: Site, number: int = 0) -> Any:
    return redis.Redis.from_url(site.address.with_database(number).url)
