"""What a process may take by its control groups."""

from pathlib import Path

import pytest

from portal.operations.watching.reading.process_memory import process_limit_bytes

PID = 42


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A server's process, as Linux shows it."""
    process = tmp_path / "proc" / str(PID)
    process.mkdir(parents=True)
    (process / "comm").write_text("redis-server\n")
    return tmp_path / "proc"


def in_groups(proc: Path, lines: str, limits: dict[str, str]) -> int | None:
    """Put the process into groups of these limits; return the limit that is found."""
    (proc / str(PID) / "cgroup").write_text(lines)
    cgroups = proc.parent / "cgroup"
    for name, limit in limits.items():
        (cgroups / name).parent.mkdir(parents=True, exist_ok=True)
        (cgroups / name).write_text(f"{limit}\n")
    return process_limit_bytes(PID, proc=proc, cgroups=cgroups)


def test_a_service_of_systemd_has_the_limit_of_its_unit(proc: Path) -> None:
    limits = {"system.slice/redis.service/memory.max": "1000", "system.slice/memory.max": "max"}
    assert in_groups(proc, "0::/system.slice/redis.service\n", limits) == 1000


def test_the_least_limit_of_all_groups_around_it_counts(proc: Path) -> None:
    limits = {"a/b/memory.max": "3000", "a/memory.max": "2000", "memory.max": "5000"}
    assert in_groups(proc, "0::/a/b\n", limits) == 2000


def test_a_container_that_sees_its_own_group_at_the_root_has_its_limit(proc: Path) -> None:
    assert in_groups(proc, "0::/\n", {"memory.max": "1000"}) == 1000


def test_groups_of_version_1_have_limits_too(proc: Path) -> None:
    lines = "9:name=systemd:/\n4:memory:/docker/abc\n0::/\n"
    assert in_groups(proc, lines, {"memory/memory.limit_in_bytes": "7000"}) == 7000
    assert in_groups(proc, lines, {"memory/docker/abc/memory.limit_in_bytes": "6000"}) == 6000


def test_max_is_no_limit(proc: Path) -> None:
    assert in_groups(proc, "0::/\n", {"memory.max": "max"}) is None


@pytest.mark.parametrize("lines", ["", "nonsense\n", "0::/../../x\n", "::\n"])
def test_what_cannot_be_read_is_no_limit(proc: Path, lines: str) -> None:
    assert in_groups(proc, lines, {}) is None


def test_a_process_that_is_no_redis_has_another_ones_number(proc: Path) -> None:
    (proc / str(PID) / "comm").write_text("python\n")
    assert in_groups(proc, "0::/\n", {"memory.max": "1000"}) is None


def test_a_process_of_another_machine_is_not_here(tmp_path: Path) -> None:
    assert process_limit_bytes(PID, proc=tmp_path, cgroups=tmp_path) is None
