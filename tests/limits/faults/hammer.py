"""Processes of their own that ask the limiter as a site's would: `python -m tests.limits.faults.hammer`.

Each takes jobs on its standard input and answers on its standard output, a pickle in a line of base64 each.
"""

import base64
import itertools
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limits.core.policies import Policy

THREADS = 8
ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Job:
    """Each of the threads asks `calls` times, from one moment on, for the policies of these names.

    The costs are taken in turn. With `seconds` it goes on for so long, however many calls that are, and of those that
    were refused only the last of each thread is told.
    """

    policies: tuple[Policy, ...]
    slugs: tuple[str, ...]
    calls: int = 25
    costs: tuple[int | None, ...] = (None,)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Said:
    """What one call was told: `at_milliseconds` by the process's own clock, and the first policy's first rate."""

    allowed: bool
    cost: int
    at_milliseconds: int
    remaining: int = 0
    reset_milliseconds: int = 0
    over: tuple[str, ...] = ()


class Hammers:
    """Processes that do the same job at the same moment."""

    def __init__(self, processes: "Sequence[subprocess.Popen[bytes]]") -> None:
        self._processes = processes

    def strike(self, job: Job) -> list[Said]:
        """Return what all calls of all threads of all processes were told."""
        for process in self._processes:
            _write(process.stdin, job)
        for process in self._processes:
            assert _read(process.stdout) == "ready"
        for process in self._processes:
            _write(process.stdin, "go")
        return [said for process in self._processes for said in _read(process.stdout)]


@contextmanager
def hammers(*commands: Sequence[str], folder: Path, url: str) -> Iterator[Hammers]:
    """Start a process for each command that stands before Python, such as `faketime -f +5s`, counting at `url`."""
    environment = os.environ | {"RATELIMIT_STORAGE_URL": url, "DJANGO_SETTINGS_MODULE": "portal.settings"}
    processes = []
    for nth, command in enumerate(commands):
        var = folder / f"var-{nth}"
        var.mkdir(parents=True)
        processes.append(
            subprocess.Popen(
                [*command, sys.executable, "-m", __name__],
                cwd=ROOT,
                env=environment | {"PORTAL_VAR": str(var)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
    yield Hammers(processes)
    for process in processes:
        assert process.stdin
        assert process.stdout
        process.stdin.close()
        process.wait(timeout=20)
        process.stdout.close()


def serve() -> None:
    """Do jobs until there are no more."""
    while (job := _read(sys.stdin.buffer)) is not None:
        ask = _asking(job)
        _write(sys.stdout.buffer, "ready")
        assert _read(sys.stdin.buffer) == "go"
        _write(sys.stdout.buffer, _in_threads(ask, job))


def _asking(job: Job) -> Callable[[int | None], Said]:
    from django.test import RequestFactory

    from limits.enforcement import check_policies, covering
    from limits.refusals import refusals
    from tests.limits import making

    making.put_in_force(*job.policies)
    refusals.forget_all()
    request_of = RequestFactory().post

    def ask(cost: int | None) -> Said:
        request = request_of("/", REMOTE_ADDR="203.0.113.9")
        decisions = check_policies(request, covering(job.slugs, method="POST"), cost=cost)
        first = decisions[0]
        return Said(
            all(decision.allowed for decision in decisions),
            first.cost,
            int(time.time() * 1000),
            first.states[0].remaining if first.states else 0,
            first.states[0].reset_milliseconds - first.age_milliseconds if first.states else 0,
            tuple(decision.policy.slug for decision in decisions if decision.over),
        )

    return ask


def _in_threads(ask: Callable[[int | None], Said], job: Job) -> list[Said]:
    told: list[Said] = []
    begin = threading.Barrier(THREADS)

    def work(nth: int) -> None:
        costs = itertools.islice(itertools.cycle(job.costs), nth, None)
        begin.wait()
        ends_at = time.monotonic() + job.seconds
        calls = itertools.takewhile(
            lambda call: time.monotonic() < ends_at if job.seconds else call < job.calls, itertools.count()
        )
        answers = [ask(next(costs)) for _ in calls]
        told.extend([answer for answer in answers[:-1] if answer.allowed or not job.seconds] + answers[-1:])

    threads = [threading.Thread(target=work, args=(nth,)) for nth in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def _write(stream: Any, value: object) -> None:
    stream.write(base64.b64encode(pickle.dumps(value)) + b"\n")
    stream.flush()


def _read(stream: Any) -> Any:
    line = stream.readline()
    return pickle.loads(base64.b64decode(line)) if line else None  # noqa: S301 - our own processes


if __name__ == "__main__":
    import django

    django.setup()
    from tests.limits.faults import hammer

    hammer.serve()
