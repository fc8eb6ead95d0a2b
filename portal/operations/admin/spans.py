"""Spans of time as people write and read them: `2 min`, `4 h`, `1 day 12 h`."""

import re
from typing import Any

from django import forms

from limits.core.rates import UNIT_SECONDS

SECONDS_MAX = 366 * 86_400
_UNITS = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_SPELLINGS = UNIT_SECONDS | dict.fromkeys(("w", "week", "weeks"), 7 * 86_400)
_PART = re.compile(r"(\d{1,9})\s*([a-z]+)[\s,]*")
_NOTHING = frozenset({"0", "never", "at once", "none"})


def in_words(seconds: int, *, parts: int = 4) -> str:
    """Return a span in words, by its largest units, `parts` of them at most: `2 min 30 s`; `0 s` for none."""
    words, rest = [], max(0, seconds)
    for unit, size in _UNITS:
        number, rest = divmod(rest, size)
        if number:
            words.append(f"{number} {unit}{'s' if unit == 'day' and number > 1 else ''}")
    return " ".join(words[:parts]) or "0 s"


def parse_span(text: str) -> int:
    """Return the seconds that a text says. Raise ValueError, in words for whoever typed it."""
    typed = " ".join(text.lower().split())
    if typed in _NOTHING:
        return 0
    parts = _PART.findall(typed)
    if not parts or _PART.sub("", typed):
        raise ValueError("Write a number with its unit, such as 30 s, 2 min, 4 h or 1 day; 0 for none.")
    if unknown := [unit for _, unit in parts if unit not in _SPELLINGS]:
        raise ValueError(f"“{unknown[0][:20]}” is not a unit: use s, min, h or days.")
    seconds = sum(int(number) * _SPELLINGS[unit] for number, unit in parts)
    if seconds > SECONDS_MAX:
        raise ValueError("This is longer than a year.")
    return seconds


class SpanField(forms.Field):
    """A span, typed in words and kept as a whole number of its unit."""

    def __init__(self, *, unit_seconds: int = 1, **options: Any) -> None:
        self.unit_seconds = unit_seconds
        super().__init__(**options)

    def prepare_value(self, value: Any) -> Any:
        """Show a number in words, and what was typed as it was."""
        return (in_words(value * self.unit_seconds) if value else "0") if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:
        """Return the number of units; None for nothing typed. A part of a unit counts as a whole one."""
        if value in self.empty_values:
            return None
        try:
            return -(-parse_span(str(value)) // self.unit_seconds)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
