"""What a server refused to this site's user lately: asking again and again would raise its counts of errors."""

import time
from collections.abc import Callable
from dataclasses import dataclass

MEMORY_SECONDS = 600.0


@dataclass(slots=True)
class _Noted:
    words: str
    until: float


class Refused:
    """Refusals of this process, by server and user, and by right. Alerts count what is refused, so it is rare."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._noted: dict[tuple[str, str], _Noted] = {}

    def words(self, whom: str, *, right: str) -> str:
        """Return why a right was refused lately; '' when it was not, or long ago."""
        noted = self._noted.get((whom, right))
        return noted.words if noted and self._clock() < noted.until else ""

    def note(self, whom: str, *, right: str, words: str) -> None:
        """Note why a right was refused."""
        self._noted[whom, right] = _Noted(words, until=self._clock() + MEMORY_SECONDS)

    def forget(self, whom: str) -> None:
        """Have everything asked again."""
        for key in [key for key in self._noted if key[0] == whom]:
            del self._noted[key]


refused = Refused()
