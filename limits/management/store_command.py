"""A command that asks Redis: that it cannot be reached is one plain line."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from limits.exceptions import StoreUnavailable


class StoreCommand(BaseCommand):
    """Ends with a CommandError when Redis cannot be reached, or when its arguments are wrong."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Else Django's parser prints its usage and ends with 2.
        self._called_from_command_line = False
        return super().create_parser(prog_name, subcommand, **kwargs)

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except StoreUnavailable as error:
            raise CommandError(f"Redis cannot be reached: {error}. Nothing was read or changed.") from error
