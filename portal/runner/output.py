"""What the person at the terminal sees: a reader that sleeps, or is gone, stops no work."""

import os
import select
import sys
from typing import TextIO

from honcho.printer import Message, Printer

_READER_SECONDS = 1.0
# A pipe that takes anything takes this much at once.
_LINE_CHARACTERS = 1000


class PatientPrinter(Printer):  # type: ignore[misc] # honcho has no types
    """Writes each line behind its time and who says it, and drops it when nobody reads."""

    def __init__(self, output: TextIO) -> None:
        super().__init__(output)
        self._reader_sleeps = False

    def write(self, message: Message) -> None:
        """Write one line."""
        patience_seconds = 0.0 if self._reader_sleeps else _READER_SECONDS
        self._reader_sleeps = not select.select([], [self.output], [], patience_seconds)[1]
        if self._reader_sleeps:
            return
        try:
            super().write(message._replace(data=message.data[:_LINE_CHARACTERS]))
        except OSError:
            _write_to_nobody()


def tell(text: str) -> None:
    """Write a text as it is, at once."""
    try:
        print(text, flush=True)
    except OSError:
        _write_to_nobody()


def _write_to_nobody() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
