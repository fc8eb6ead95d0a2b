"""A command that asks Redis: that it cannot be reached is one plain line."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from limits.exceptions import StoreUnavailable


class StoreCommand(BaseCommand):
    """Ends with a CommandError when Redis cannot be reached."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except StoreUnavailable as error:
            raise CommandError(f"Redis cannot be reached: {error}. Nothing was changed.") from error
