"""The processes that a benchmark drives: each does as it is asked over a pipe, and waits in between."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from portal.runner import bootstrap

PROJECT = bootstrap.PROJECT
PEERS = Path(__file__).parent / "peers"
_PEERS_REQUIREMENTS = "bench/requirements-peers.txt"
_STOP_SECONDS = 10


class CannotMeasure(Exception):
    """Says in a line or two why a benchmark cannot go on."""


class Child:
    """A process that serves by `bench.peers.in_turns`."""

    def __init__(
        self, name: str, *, command: Sequence[str], environment: Mapping[str, str], log: Path, cores: Iterable[int]
    ) -> None:
        self._name = name
        self._log = log

        def begin() -> None:
            bootstrap.die_with_parent()
            os.sched_setaffinity(0, cores)

        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                preexec_fn=begin,
            )
        self.answer_of_line()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, name: str, *arguments: Any) -> Any:
        """Return what the child answers. Raises CannotMeasure."""
        self.tell(name, *arguments)
        return self.answer()

    def tell(self, name: str, *arguments: Any) -> None:
        """Ask, and do not wait: `answer` does."""
        assert self._process.stdin
        print(json.dumps([name, *arguments]), file=self._process.stdin, flush=True)

    def answer(self) -> Any:
        """Wait for the answer to what was told, and return it. Raises CannotMeasure."""
        return json.loads(self.answer_of_line())

    def answer_of_line(self) -> str:
        """Return the next line as it is. Raises CannotMeasure."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise CannotMeasure(f"{self._name} ended: {last_words(self._log)}")
        return line

    def stop(self) -> None:
        """End the process, and wait until it has ended."""
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Children:
    """Starts children, which run on these processor cores and end together."""

    def __init__(self, *, log: Path, cores: Iterable[int]) -> None:
        self._log = log
        self._cores = tuple(cores)
        self._stack = contextlib.ExitStack()

    def peer(self, script: str, *arguments: object) -> Child:
        """Start one of `bench/peers/` in the peers' own environment, where nothing of ours can be imported."""
        command = [str(_peers_python()), "-E", str(PEERS / script), *map(str, arguments)]
        return self._start(script, command=command, environment=os.environ)

    def ours(self, module: str, *arguments: object, environment: Mapping[str, str]) -> Child:
        """Start one of `bench.ours` on a site of ours."""
        command = [sys.executable, "-m", module, *map(str, arguments)]
        return self._start(module, command=command, environment=environment)

    def _start(self, name: str, *, command: Sequence[str], environment: Mapping[str, str]) -> Child:
        child = Child(name, command=command, environment=environment, log=self._log, cores=self._cores)
        return self._stack.enter_context(child)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _peers_python() -> Path:
    venv = bootstrap.Venv(PROJECT / "var" / "bench-venv")
    venv.folder.parent.mkdir(exist_ok=True)
    with bootstrap.one_at_a_time():
        venv.ensure()
        bootstrap.install(venv, _PEERS_REQUIREMENTS)
    return venv.python


def last_words(log: Path) -> str:
    """Return the last line of a log that says something."""
    lines = (line.strip() for line in reversed(log.read_text(errors="replace").splitlines()))
    return next(filter(None, lines), "it ended without a word")
