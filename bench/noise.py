"""How much else went on on the machine: figures taken beside other work are worth less."""

import os
from pathlib import Path

_IDLE = (3, 4)
"""Where the idle time, and the time of waiting for disks, stand in the first line of /proc/stat."""


class Strangers:
    """The processor time of all that is not this process or what it started and saw end."""

    def __init__(self) -> None:
        self._busy, self._all, self._own = _busy_seconds(), _all_seconds(), _own_seconds()

    def share(self) -> float:
        """Return which share of the machine's processor time went to strangers since this was made."""
        strangers = (_busy_seconds() - self._busy) - (_own_seconds() - self._own)
        return max(0.0, strangers / max(_all_seconds() - self._all, 0.001))


def _own_seconds() -> float:
    return sum(os.times()[:4])


def _all_seconds() -> float:
    return sum(_machine_seconds())


def _busy_seconds() -> float:
    seconds = _machine_seconds()
    return sum(seconds) - sum(seconds[place] for place in _IDLE)


def _machine_seconds() -> list[float]:
    # What guests used, the last two numbers, is in the first two already.
    _, *ticks = Path("/proc/stat").read_text().splitlines()[0].split()
    return [int(each) / os.sysconf("SC_CLK_TCK") for each in ticks[:8]]
