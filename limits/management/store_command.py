"""A command that asks Redis: that it cannot be reached is one plain line."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from limits.exceptions import StoreUnavailable

_PERHAPS_DONE = {"reset": "the client was forgiven", "sync": "everything was written"}
"""Of what writes to Redis, by its name: an answer may be lost after the work is done."""


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
            done = _PERHAPS_DONE.get(options.get("command", "")) if not options.get("check") else None
            told = f"It is not known whether {done}: try again." if done else "Nothing was read or changed."
            raise CommandError(f"Redis cannot be reached: {error}. {told}") from error
