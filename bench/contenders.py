"""What is timed, and how."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

CALLS_PER_ROUND = 250


@dataclass
class Contender:
    """Something to time; `prepare` runs before each of its turns, untimed."""

    name: str
    call: Callable[[], object]
    prepare: Callable[[], object] = lambda: None
    microseconds: list[float] = field(default_factory=list)

    def take_turn(self) -> None:
        """Time one round of calls."""
        self.prepare()
        call = self.call
        began = time.perf_counter()
        for _ in range(CALLS_PER_ROUND):
            call()
        self.microseconds.append((time.perf_counter() - began) / CALLS_PER_ROUND * 1e6)

    @property
    def median(self) -> float:
        return statistics.median(self.microseconds)
