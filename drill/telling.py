"""What the drill tells while it runs: each step, and the seconds that it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

_WIDTH = 72


class Failed(Exception):
    """The drill ends here; the message says what was wrong."""


def say(words: str) -> None:
    """Tell a line."""
    print(words, flush=True)


@contextmanager
def step(words: str) -> Iterator[None]:
    """Tell what begins, and when it is over how long it took."""
    print(f"  {words} ".ljust(_WIDTH, "."), end="", flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        print(flush=True)
        raise
    print(f"{time.monotonic() - began:6.1f} s", flush=True)
