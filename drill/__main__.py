"""Drill with every server of this machine, or those of the engines named, plain and encrypted; a failure ends it."""

import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from drill.rehearsal import rehearse
from drill.telling import Failed, say
from portal.operations.backups.proving.binaries import Binary, find_binaries


def main(engines: Sequence[str]) -> int:
    """Return an exit code: 0 when everything came back every time. `engines` are redis, valkey; none: both."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended from outside. Nothing of it is left."))
    say("A drill: everything is in a temporary folder, and nothing of this site is touched.")
    try:
        for binary in _servers(engines):
            for is_encrypted in (False, True):
                _drill(binary, is_encrypted=is_encrypted)
    except Failed as failure:
        print(f"\nFAILED: {failure}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Nothing of it is left.", file=sys.stderr, flush=True)
        return 1
    return 0


def _servers(engines: Sequence[str]) -> tuple[Binary, ...]:
    if found := tuple(binary for binary in find_binaries() if not engines or binary.engine in engines):
        return found
    wanted = " or ".join(f"{engine}-server" for engine in engines or ("redis", "valkey"))
    raise Failed(f"There is no server on this machine to drill with. Install {wanted}.")


def _drill(binary: Binary, *, is_encrypted: bool) -> None:
    say(f"\n{str(binary).capitalize()}, backups {'encrypted' if is_encrypted else 'as they are'}")
    with tempfile.TemporaryDirectory(prefix="portal-drill-") as folder:
        drilled = rehearse(binary, folder=Path(folder), is_encrypted=is_encrypted)
    say(str(drilled))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
