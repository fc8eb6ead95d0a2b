"""Run the benchmarks named as arguments, or all of them, and print one report."""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import backups, decisions, many, memory, refusals_served, report, stage, staleness, watching
from bench.children import CannotMeasure
from bench.noise import Strangers
from bench.report import Table
from portal.runner.bootstrap import CannotInstall

Part = Callable[[Path, Callable[[str], None]], list[Table]]
PARTS: dict[str, Part] = {
    "decisions": decisions.run,
    "served": refusals_served.run,
    "many": many.run,
    "memory": memory.run,
    "staleness": staleness.run,
    "backups": backups.run,
    "watching": watching.run,
}


def main(names: list[str]) -> int:
    """Return an exit code: 0 whatever the figures are, for a goal is no test."""
    if unknown := set(names) - PARTS.keys():
        print(f"No such part: {', '.join(sorted(unknown))}. There are {', '.join(PARTS)}.", file=sys.stderr)
        return 1
    began, strangers = time.monotonic(), Strangers()
    tables: list[Table] = []
    try:
        _tell("preparing a site")
        stage.prepared_state()
        with tempfile.TemporaryDirectory(prefix="portal-bench-") as folder:
            for name in names or PARTS:
                _tell(name)
                tables += PARTS[name](Path(folder) / name, _teller(name))
    except (CannotMeasure, CannotInstall, AssertionError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    _tell("")
    print("\n\n".join([*map(str, tables), report.summary(tables)]))
    seconds, beside = time.monotonic() - began, strangers.share()
    print(f"It took {seconds:.0f} s; other work took {beside:.0%} of the processors meanwhile.")
    return 0


def _teller(part: str) -> Callable[[str], None]:
    return lambda words: _tell(f"{part}: {words}")


def _tell(words: str) -> None:
    """Show what goes on: in one line that changes on a terminal, else in lines of a log that need not be all."""
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)
    elif words and "round " not in words:
        print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
