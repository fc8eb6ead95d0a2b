"""How much memory a scratch server may take, so that a proof takes none from the site."""

from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int | None:
    """Return the memory that can be had without pushing others out; None where that is unknown."""
    known = [room for room in (_of_machine(), _of_container()) if room is not None]
    return min(known, default=None)


def _of_machine() -> int | None:
    fields = _fields(_MEMINFO)
    return fields["MemAvailable:"] * 1024 if "MemAvailable:" in fields else None


def _of_container() -> int | None:
    # Version 2 of cgroups, as a container sees its own; pages of files count as used, and are given back at need.
    try:
        limit, used = ((_CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return None
    if limit == "max":
        return None
    return max(0, int(limit) - int(used) + _fields(_CGROUP / "memory.stat").get("inactive_file", 0))


def _fields(path: Path) -> dict[str, int]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    return {words[0]: int(words[1]) for line in lines if len(words := line.split()) > 1 and words[1].isdigit()}
