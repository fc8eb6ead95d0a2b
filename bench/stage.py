"""Where a benchmark takes place: a Redis of its own on loopback, and sites of ours whose state is thrown away."""

import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.children import PROJECT, CannotMeasure, Children
from portal.runner import memory
from tests.servers import Server, free_port, start_redis

REDIS = "redis-server"
CORES = sorted(os.sched_getaffinity(0))
_MANY_DATABASES = ("--databases", "64")


@dataclass(frozen=True, slots=True)
class Stage:
    """A folder, a Redis, and the children that play on it."""

    folder: Path
    redis: Server
    children: Children

    def site(self, name: str, *, database: int = 1, settings: str = "portal.settings") -> dict[str, str]:
        """Return the environment of a new site of ours, with its own state, whose counters are in that database."""
        var = self.folder / name
        shutil.copytree(prepared_state(), var)
        return environment(var, redis_url=self.redis.url, database=database, settings=settings)

    def keep_redis_on(self, *cores: int) -> None:
        """Have Redis run on these processor cores only."""
        os.sched_setaffinity(self.redis.process.pid, cores)


@contextlib.contextmanager
def stage(folder: Path, *, cores: Sequence[int] = CORES) -> Iterator[Stage]:
    """Set up a stage in a new folder; clear everything away at the end. The children run on these processor cores."""
    folder.mkdir()
    redis = start_redis(folder / "redis", program=REDIS, port=free_port(), options=_MANY_DATABASES)
    try:
        with Children(log=folder / "children.log", cores=cores) as children:
            yield Stage(folder, redis, children)
    finally:
        redis.stop()


@cache
def prepared_state() -> Path:
    """Prepare a site's state, once for all, as `make run` does: database, books, policies, static files."""
    folder = Path(tempfile.mkdtemp(prefix="portal-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = subprocess.run(
        [sys.executable, "-m", "portal.runner.prepare"],
        cwd=PROJECT,
        env=environment(folder, redis_url="redis://127.0.0.1:1", database=1),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if made.returncode:
        raise CannotMeasure(f"No site can be prepared: {made.stdout.strip().splitlines()[-1]}")
    return folder


def environment(var: Path, *, redis_url: str, database: int, settings: str = "portal.settings") -> dict[str, str]:
    """Return a process's environment on a site as `make run` gives it, whatever this one's says."""
    return (
        os.environ
        | memory.ENVIRONMENT
        | {
            "DJANGO_SETTINGS_MODULE": settings,
            "PORTAL_VAR": str(var),
            "SECRET_KEY": "a key for benchmarks, and for nothing else",
            "DATABASE_URL": f"sqlite:///{var / 'portal.sqlite3'}",
            "REDIS_URL": redis_url,
            "RATELIMIT_STORAGE_URL": f"{redis_url}/{database}",
            "TRUSTED_PROXIES": "",
            "DEBUG": "false",
            "WEB_CONCURRENCY": "2",
        }
    )
