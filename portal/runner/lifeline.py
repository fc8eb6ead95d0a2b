"""Nothing outlives the process that started it."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
# Found before any fork: what runs between fork and exec should do as little as possible.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def die_with_parent(number: int = signal.SIGKILL, *, parent: int = 0) -> None:
    """Have the kernel send this process a signal when its parent ends; only Linux can.

    `parent` is the parent's process id: when it ended already, the signal comes at once.
    """
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, number)
    if parent and os.getppid() != parent:
        os.kill(os.getpid(), number)
