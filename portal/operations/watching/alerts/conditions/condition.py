"""What a rule may compare: a condition, and what it finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from portal.operations.watching.readings import Look, Reading, ServerLook


class Direction(StrEnum):
    """On which side of its threshold a rule fires. The threshold itself is on the good side."""

    ABOVE = "above"
    BELOW = "below"


class Scope(StrEnum):
    """What a condition is about, and so what the target of an alert names."""

    SERVER = "server"
    """The target is the server's place."""
    SOURCE = "source"
    """The target is the name of a source of backups."""
    CHANNEL = "channel"
    """The target is the channel's name."""
    SITE = "site"
    """The target is ''."""


class Trouble(StrEnum):
    """Why there is nothing to compare."""

    NONE = ""
    NO_DATA = "no data"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to compare, and a sentence about it. Without a value, and without trouble, all is well."""

    value: float | None
    words: str
    trouble: Trouble = Trouble.NONE


@dataclass(frozen=True, slots=True)
class Finding:
    """What a condition found at one target."""

    target: str
    found: Found


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions start from."""

    look: Look
    now: datetime


Find = Callable[[Facts], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that a rule may compare with its threshold."""

    key: str
    title: str
    compares: str
    """What the number is, and where it comes from: help for who writes a rule."""
    headline: str
    """What is said of a target while a rule fires: `{target}` stands for it."""
    meaning: str
    """What that means for limits, in a sentence."""
    advice: str
    """What to do next, in a line."""
    find: Find
    unit: str = ""
    direction: Direction = Direction.ABOVE
    scope: Scope = Scope.SERVER
    is_yes_or_no: bool = False
    """Whether the number is 1 (it is so) or 0: such a rule fires above 0."""
    is_inhibited: bool = True
    """Whether nobody is told of it while the server does not answer: that one says it already."""

    def is_bad(self, value: float, *, threshold: float) -> bool:
        """Say whether a value is beyond a threshold."""
        return value > threshold if self.direction is Direction.ABOVE else value < threshold

    def recovery(self, value: float) -> str:
        """Return from which value on it is good again: `85 % or less`."""
        return f"{self.figure(value)} or {'less' if self.direction is Direction.ABOVE else 'more'}"

    def figure(self, value: float | None) -> str:
        """Return a value as people read it: `93.2 %`; '–' where there is none."""
        if value is None:
            return "–"
        if self.is_yes_or_no:
            return "yes" if value else "no"
        return f"{_number(value)} {self.unit}".rstrip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


OfServer = Callable[[ServerLook, Reading], Found | None]
"""What is found of a server by its reading; None: the condition is not about such a server."""


def of_servers(judge: OfServer, *, while_loading: bool = False) -> Find:
    """Return how to find something at each server that answers; at the others there is no data.

    Nor is there, unless `while_loading`, at one that loads its data: memory that fills again is no recovery.
    """

    def find(facts: Facts) -> Iterable[Finding]:
        for server in facts.look.servers:
            if not server.is_set and (found := _found(server, judge=judge, while_loading=while_loading)) is not None:
                yield Finding(server.place, found)

    return find


def _found(server: ServerLook, *, judge: OfServer, while_loading: bool) -> Found | None:
    if server.reading is None:
        return no_data(silence_words(server))
    if server.reading.is_loading and not while_loading:
        return no_data("It is loading its data.")
    return judge(server, server.reading)


def silence_words(server: ServerLook) -> str:
    """Return as a sentence why a server gave no reading."""
    return f"It {server.failure.rstrip('.') or 'does not answer'}."


def no_data(words: str) -> Found:
    """Return that there is nothing to compare, and why."""
    return Found(None, words, trouble=Trouble.NO_DATA)


def well(words: str) -> Found:
    """Return that there is nothing to compare because all is well."""
    return Found(None, words)


def yes_or_no(is_so: bool, *, yes: str, no: str) -> Found:
    """Return 1 or 0, and the sentence that goes with it."""
    return Found(float(is_so), yes if is_so else no)


def a_minute(number: int, *, seconds: float, what: str) -> Found:
    """Return how many of something happened a minute between two readings."""
    if seconds <= 0:
        return no_data("There is no earlier reading to compare with.")
    return Found(number * 60 / seconds, f"{number:,} {what} within {seconds:.0f} s.")
