"""A rate: so many requests in a window of so many seconds. Read strictly, shown in words."""

import re
from dataclasses import dataclass
from itertools import pairwise

LIMIT_MAX = 10_000_000
WINDOW_SECONDS_MAX = 31 * 86_400
RATES_MAX = 4

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
UNIT_SECONDS = {
    spelling: seconds
    for spellings, seconds in (
        ("s sec secs second seconds", 1),
        ("m min mins minute minutes", 60),
        ("h hr hrs hour hours", 3_600),
        ("d day days", 86_400),
    )
    for spelling in spellings.split()
}
"""How long each unit is, by everything that people write for it."""
_LONGER_SECONDS = {"week": 7 * 86_400, "month": 30 * 86_400, "year": 365 * 86_400}
_PATTERN = re.compile(
    r"(?P<limit>[0-9]+) ?(?:requests?|times?)? ?(?:/|\b(?:per|an?|every|each|in)\b) ?"
    r"(?P<multiple>[0-9]+)? ?(?P<unit>[a-z]+)"
    r"(?:[, ] ?(?:(?:and|with) )?(?:an? )?burst(?: of)? ?(?P<burst>[0-9]+))?",
    re.ASCII | re.IGNORECASE,
)
_GROUPED = re.compile(r"(?<![0-9])[0-9]{1,3}([,.' \u00a0\u202f][0-9]{3})+(?![0-9])")
_EXAMPLES = "Write it like 5/m, 5 per minute or 100 / 15 minutes."
_BURST = re.compile(r"\s*(?:(?:and|with)\s+)?(?:an?\s+)?burst", re.IGNORECASE)
_COMMA_AFTER_BURST = re.compile(r"(burst(?: of)? ?[0-9]{1,12}),(?=[0-9]{1,12} ?(?:/|per\b))", re.IGNORECASE)
_BURST_EXAMPLE = "Write a burst like 10 per minute burst 20."


class RateError(ValueError):
    """A rate that cannot be taken; the message says why and what would be right."""


@dataclass(frozen=True, slots=True, order=True)
class Rate:
    """`limit` requests in each window of `window_seconds`.

    `burst` is how many a token bucket holds at most, when that is not `limit`; 0 for every other way to count.
    """

    limit: int
    window_seconds: int
    burst: int = 0

    @property
    def capacity(self) -> int:
        """Requests that a client who was silent may make at once."""
        return self.burst or self.limit

    def __str__(self) -> str:
        for name, seconds in _UNITS:
            if self.window_seconds % seconds == 0:
                burst = f" burst {self.burst}" if self.burst else ""
                return f"{self.limit} per {_in_words(self.window_seconds // seconds, name)}{burst}"
        raise AssertionError("every whole number of seconds is a multiple of one second")


def parse_rate(text: str) -> Rate:
    """Return the rate that `text` says, as people write it. Raise RateError with what would be right."""
    # One blank stands for any white space, the no-break space of a web page too.
    match = _PATTERN.fullmatch(" ".join(text.split()))
    if match is None:
        examples = _BURST_EXAMPLE if "burst" in text.lower() else _EXAMPLES
        raise RateError(f"“{_short(text)}” is not a rate. {examples}")
    limit = _bounded(match["limit"], LIMIT_MAX, "The limit")
    multiple = _bounded(match["multiple"] or "1", WINDOW_SECONDS_MAX, "The window")
    burst = _bounded(match["burst"], LIMIT_MAX, "The burst") if match["burst"] else 0
    rate = Rate(limit, multiple * _seconds(match["unit"]), 0 if burst == limit else burst)
    if rate.window_seconds > WINDOW_SECONDS_MAX:
        raise RateError(f"A window lasts {WINDOW_SECONDS_MAX // 86_400} days at most.")
    if doubt := _doubt(match["unit"]):
        raise RateError(f"{doubt}: write {rate}.")
    return rate


def parse_rates(text: str) -> tuple[Rate, ...]:
    """Return the one to four rates of `text`, one a line or parted by commas, longest window first."""
    # “10/m burst 20,100/h”: no number of thousands, for a rate goes on after it.
    text = _COMMA_AFTER_BURST.sub(r"\1\n", text)
    if number := _GROUPED.search(text):
        digits = re.sub(r"\D", "", number[0])
        raise RateError(f"Write numbers without separators: {digits} instead of {number[0]}.")
    parts = _parts(text)
    if not 1 <= len(parts) <= RATES_MAX:
        raise RateError(f"Give one to {RATES_MAX} rates, one a line. {_EXAMPLES}")
    rates = sorted(map(parse_rate, parts), key=lambda rate: -rate.window_seconds)
    for longer, shorter in pairwise(rates):
        if longer.window_seconds == shorter.window_seconds:
            raise RateError(f"Two rates have the same window: {longer} and {shorter}. Keep one.")
    return tuple(rates)


def format_rates(rates: tuple[Rate, ...]) -> str:
    """Return the rates in words, one a line; `parse_rates` reads it back."""
    return "\n".join(map(str, rates))


def _parts(text: str) -> list[str]:
    """Return the text of each rate; a burst belongs to the rate before it, also when a comma parts them."""
    parts: list[str] = []
    for part in filter(str.strip, re.split(r"[\n,;]", text)):
        if parts and _BURST.match(part) and "burst" not in parts[-1].lower():
            parts[-1] = f"{parts[-1]} {part}"
        else:
            parts.append(part)
    return parts


def _seconds(unit: str) -> int:
    word = unit.lower()
    seconds = UNIT_SECONDS.get(word) or _LONGER_SECONDS.get(word.removesuffix("s"))
    if seconds is None:
        raise RateError(f"“{_short(unit)}” is not a unit: use seconds, minutes, hours or days. {_EXAMPLES}")
    return seconds


def _doubt(unit: str) -> str:
    """Return why a unit is not taken although it can be guessed; '' when nothing is in doubt."""
    longer = unit.lower().removesuffix("s")
    if longer in _LONGER_SECONDS:
        return f"A {longer} is not a unit here"
    if len(unit) == 1 and unit.isupper():
        return f"“{unit}” could be read in two ways"
    return ""


def _in_words(multiple: int, unit: str) -> str:
    return unit if multiple == 1 else f"{multiple} {unit}s"


def _bounded(digits: str, most: int, what: str) -> int:
    # int() of a very long text is slow and, past 4300 digits, an error of its own.
    number = int(digits) if len(digits) <= 12 else most + 1
    if not 1 <= number <= most:
        raise RateError(f"{what} must be a whole number from 1 to {most:,}.")
    return number


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 40 else text[:40] + "…"
