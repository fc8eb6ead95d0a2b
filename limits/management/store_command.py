"""A command that asks Redis: that it cannot be reached is one plain line."""

import logging
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from limits.exceptions import StoreUnavailable


class StoreCommand(BaseCommand):
    """Ends with a CommandError when Redis cannot be reached."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        logger = logging.getLogger("limits")
        # What would be logged tells of requests that are let through: a second line, and not this command's.
        logger.disabled = True
        try:
            return super().execute(*args, **options)
        except StoreUnavailable as error:
            reason = str(error).rstrip(".")
            raise CommandError(f"Redis cannot be reached: {reason}. Nothing was changed.") from error
        finally:
            logger.disabled = False
