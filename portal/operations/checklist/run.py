"""One run: line after line, none of which can stop the rest or tell a secret."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace

from django.conf import settings
from django.db import Error as DatabaseError

from portal.operations.addresses import site_addresses
from portal.operations.checklist.context import Context
from portal.operations.checklist.values import Line, Result, Verdict, unknown
from portal.operations.printable import printable

logger = logging.getLogger("portal.checklist")

_HIDDEN = "•••"
_SHORTEST_SECRET = 4


def run(lines: Iterable[Line]) -> Iterator[Result]:
    """Yield what each line finds, as soon as it has."""
    with Context() as context:
        for line in lines:
            yield check(line, context=context)


def check(line: Line, *, context: Context) -> Result:
    """Return what a line finds."""
    verdicts = tuple(_plain(verdict) for verdict in _verdicts(line, context))
    return Result(line.id, line.subject, line.title, line.why, verdicts)


def _verdicts(line: Line, context: Context) -> list[Verdict]:
    try:
        return list(line.check(context)) or [unknown("There was nothing to look at.")]
    except DatabaseError:
        return [unknown("The database cannot be asked.", mend=("python manage.py migrate --check",))]
    except Exception as error:
        # One line that fails must not keep the others from being seen.
        logger.exception("The line %s of the checklist failed", line.id)
        return [unknown(f"It could not be looked at: an error in the checklist itself ({type(error).__name__}).")]


def _plain(verdict: Verdict) -> Verdict:
    """Return a verdict that holds no secret, and nothing that a terminal takes for a command."""
    return replace(
        verdict,
        found=_safe(verdict.found),
        mend=tuple(map(_safe, verdict.mend)),
        advice=_safe(verdict.advice),
        place=_safe(verdict.place),
    )


def _safe(text: str) -> str:
    for secret in _secrets():
        text = text.replace(secret, _HIDDEN)
    return printable(text)


def _secrets() -> list[str]:
    found = {address.password for address in site_addresses().values()} | {settings.SECRET_KEY}
    return sorted((secret for secret in found if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True)
