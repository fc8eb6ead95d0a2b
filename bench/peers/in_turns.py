"""What a child of the benchmark does: as it is asked, a line of JSON at a time, and nothing in between.

It stands among the peers because those run as scripts, with this folder and their own environment's packages on their
path, and nothing of ours.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

Given = TypeVar("Given")

_replies = sys.stdout
# Whatever a library prints must not be taken for a reply.
sys.stdout = sys.stderr


def serve(answers: Mapping[str, Callable[..., Any]]) -> None:
    """Answer requests, each `[name, arguments…]`, until nobody asks any more."""
    print("ready", file=_replies, flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(answers[name](*arguments)), file=_replies, flush=True)


def timed(call: Callable[[], object]) -> Callable[[int], float]:
    """Return what makes so many calls and returns the microseconds that one took."""

    def take_turn(calls: int) -> float:
        began = time.perf_counter()
        for _ in range(calls):
            call()
        return (time.perf_counter() - began) / calls * 1e6

    return take_turn


def timed_with(make: Callable[[], Given], call: Callable[[Given], object]) -> Callable[[int], float]:
    """Return the same for calls that take something fresh each, such as a request; making it is not timed."""

    def take_turn(calls: int) -> float:
        given: Iterable[Given] = [make() for _ in range(calls)]
        began = time.perf_counter()
        for each in given:
            call(each)
        return (time.perf_counter() - began) / calls * 1e6

    return take_turn
