"""How much memory a process of this machine may take by its control groups, those of containers and systemd."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_SERVERS = ("redis", "valkey", "keydb")


def process_limit_bytes(pid: int, *, proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int | None:
    """Return the least limit on the groups that a server's process is in; None: there is none, or it is not here.

    Versions 1 and 2 of control groups: https://docs.kernel.org/admin-guide/cgroup-v2.html, `memory.max`. A process of
    that number which is no Redis belongs to another container.
    """
    if not _is_server(proc / str(pid)):
        return None
    limits = [limit for file in _files(proc / str(pid), cgroups=cgroups) if (limit := _read(file)) is not None]
    return min(limits, default=None)


def _is_server(process: Path) -> bool:
    return any(name in _text(process / "comm") for name in _SERVERS)


def _files(process: Path, *, cgroups: Path) -> Iterator[Path]:
    """Yield the files that may hold a limit: of each group from the process's own to the root."""
    for line in _text(process / "cgroup").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if "memory" in controllers.split(","):
            yield from _upwards(cgroups / "memory", path, name="memory.limit_in_bytes")
        elif not controllers:
            yield from _upwards(cgroups, path, name="memory.max")


def _upwards(root: Path, path: str, *, name: str) -> Iterator[Path]:
    group = PurePosixPath(path.lstrip("/"))
    if ".." in group.parts:
        group = PurePosixPath()
    for each in (group, *group.parents):
        yield root / each / name


def _read(file: Path) -> int | None:
    text = _text(file).strip()
    return int(text) if text.isdigit() else None


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
