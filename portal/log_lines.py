"""How log records are written."""

import logging

CHARACTERS_MAX = 300


class OneLine(logging.Formatter):
    """The first line of a record, without its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        bare = logging.makeLogRecord(record.__dict__ | {"exc_info": None, "exc_text": None, "stack_info": None})
        first, *rest = super().format(bare).splitlines() or [""]
        return f"{first[:CHARACTERS_MAX]}{'…' if rest or len(first) > CHARACTERS_MAX else ''}"
