"""The results as text for a terminal, and as JSON."""

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from portal.operations.checklist.values import SYMBOLS, Result, State, Verdict

_WIDTH = 100
_INDENT = "    "


def text_of(result: Result) -> str:
    """Return a line, what was found, and what mends it."""
    return "\n".join([f"{SYMBOLS[result.state]} {result.title}  [{result.id}]", *_details(result)])


def summary_of(results: Sequence[Result]) -> str:
    """Return how many lines stand how, and how to go on."""
    if not any(result.state is State.FAIL for result in results):
        return counts_of(results)
    return f"{counts_of(results)} Mend one line, then look again: what mends one may change what the next needs."


def counts_of(results: Sequence[Result]) -> str:
    """Return how many lines stand how."""
    counts = Counter(result.state for result in results)
    return f"{counts[State.PASS]} pass, {counts[State.FAIL]} fail, {counts[State.UNKNOWN]} cannot tell."


def json_of(results: Sequence[Result]) -> str:
    """Return all of it for programs."""
    counts = Counter(str(result.state) for result in results)
    told = {
        "counts": {str(state): counts[str(state)] for state in State},
        "lines": [each.as_dict() for each in results],
    }
    return json.dumps(told, indent=1, ensure_ascii=False)


def _details(result: Result) -> Iterator[str]:
    if result.state is State.FAIL:
        yield from _wrapped(f"Why: {result.why}")
    for verdict in result.verdicts:
        symbol = f"{SYMBOLS[verdict.state]} " if len(result.verdicts) > 1 else ""
        place = f"{verdict.place}: " if verdict.place else ""
        yield from _wrapped(f"{symbol}{place}{verdict.found}")
        yield from _mending(verdict)


def _mending(verdict: Verdict) -> Iterator[str]:
    for command in verdict.mend:
        # Commands are not wrapped: they are copied.
        yield f"{_INDENT}    $ {command}"
    if verdict.advice:
        yield from _wrapped(verdict.advice)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False
    )
