"""Asking many at once, so that one that hangs delays no other."""

import time
from collections.abc import Callable, Sequence
from threading import Thread
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def at_once(ask: Callable[[Item], Answer], items: Sequence[Item], *, seconds: float) -> list[Answer | None]:
    """Return what `ask`, which raises nothing, returns for each item; None for what took longer than so long.

    Whoever takes longer is left alone: a name that is not found may take a minute, and nothing can end it.
    """
    answers: list[Answer | None] = [None] * len(items)

    def note(number: int) -> None:
        answers[number] = ask(items[number])

    threads = [Thread(target=note, args=(number,), daemon=True) for number in range(len(items))]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return list(answers)
