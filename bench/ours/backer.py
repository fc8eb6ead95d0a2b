"""Who makes, measures and restores backups; each answer tells the seconds, and the memory taken above that before."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

django.setup()

from django.utils import timezone  # noqa: E402 - what follows needs the applications loaded

from bench.peers.in_turns import serve  # noqa: E402
from portal.operations.backups.keeping.shelf import Shelf  # noqa: E402
from portal.operations.backups.making import BY_HAND, Wanted, make_backup  # noqa: E402
from portal.operations.backups.rdb.walk import measure  # noqa: E402
from portal.operations.backups.restoring.load import load  # noqa: E402
from portal.operations.backups.restoring.online import restore_whole  # noqa: E402
from portal.operations.backups.restoring.selection import Selection  # noqa: E402
from portal.operations.backups.restoring.target import open_target  # noqa: E402
from portal.operations.backups.sources import source_named  # noqa: E402
from portal.operations.backups.taking.choosing import take  # noqa: E402
from portal.operations.backups.taking.nodes import nodes  # noqa: E402
from portal.redis_address import parse_redis_address  # noqa: E402

_SOURCE = "redis"
_FROM_NOW_ON = "5"
"""What makes Linux forget how much memory a process once had (/proc/PID/clear_refs). `ru_maxrss` forgets nothing, and
begins with that of the process from which this one was forked."""

_UNTOLD: Any = lambda *told, **named: None  # noqa: E731 - a progress that nobody hears of


def main() -> None:
    serve(
        {
            "take": _weighed(take_it),
            "make": _weighed(make_it),
            "measure": _weighed(measure_it),
            "load": _weighed(load_it),
            "restore": _weighed(restore_it),
        }
    )


def take_it(folder: str) -> dict[str, Any]:
    """Take the site's Redis into a folder."""
    (node,) = nodes(source_named(_SOURCE).address)
    taken = take(node, folder=Path(folder))
    return {"file": str(taken.path), "size_bytes": taken.digest.size_bytes, "method": taken.method}


def make_it() -> dict[str, Any]:
    """Make a backup of the site's Redis: taken, proven, packed, published; then it is deleted again."""
    shelf = Shelf()
    wanted = Wanted(source_named(_SOURCE), origin=BY_HAND)
    kept = make_backup(wanted, now=timezone.now(), progress=_UNTOLD, shelf=shelf)
    return {"level": int(kept.level), "keys": kept.manifest.keys, "warnings": kept.manifest.warnings}


def measure_it(file: str) -> dict[str, Any]:
    """Walk through a file."""
    with Path(file).open("rb") as stream:
        return {"keys": measure(stream).keys}


def load_it(file: str, url: str) -> dict[str, Any]:
    """Send a file's keys to an empty server."""
    with open_target(parse_redis_address(url)) as target:
        loaded = load(Path(file), target=target, selection=Selection(is_whole=True))
    return {"keys": loaded.loaded}


def restore_it(file: str, url: str) -> dict[str, Any]:
    """Restore a file's database 0 as `--whole` does: beside what is there, compared, exchanged."""
    with open_target(parse_redis_address(url)) as target:
        restored = restore_whole(
            Path(file),
            target=target,
            databases=[0],
            avoid=frozenset({0}),
            needed_bytes=0,
            name="bench",
            note=lambda exchange, stage: None,
            progress=_UNTOLD,
        )
    assert restored.compared
    return {"keys": restored.compared.equal}


def _weighed(answer: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def weighed(*arguments: Any) -> dict[str, Any]:
        Path("/proc/self/clear_refs").write_text(_FROM_NOW_ON)
        before, began = _megabytes("VmRSS:"), time.monotonic()
        found = answer(*arguments)
        return found | {"seconds": time.monotonic() - began, "megabytes": _megabytes("VmHWM:") - before}

    return weighed


def _megabytes(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024 / 1e6


if __name__ == "__main__":
    main()
