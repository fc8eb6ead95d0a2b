"""Starts processes, shows what they say, and ends them in order; nothing stays behind.

Each process heads a group and a session of its own, and is watched by a process of honcho's. The
kernel tells a watcher when the runner ends, and the process when its watcher does. So a closed
terminal, a killed runner or a killed process leave nothing running (on Linux; elsewhere a runner
that is killed by SIGKILL may).
"""

import contextlib
import multiprocessing
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any, Self

from honcho.manager import Manager
from honcho.process import Popen, Process

from portal.runner.lifeline import die_with_parent
from portal.runner.output import PatientPrinter

DRAIN_SECONDS = 30.0
_LAST_SECONDS = 10.0
_KILLED_SECONDS = 5.0
# One Ctrl-C may arrive twice: from the terminal, and from a program that passes it on.
_TWICE_SECONDS = 0.1
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Somebody asked for the end."""


class Fell(Exception):
    """A process ended by itself."""

    def __init__(self, name: str, *, code: int) -> None:
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        super().__init__(f"“{name}” {how}")


class Group(Process):  # type: ignore[misc] # honcho has no types
    """One process and all that it starts, as its watcher sees them."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._child_ctor = self._start
        self._runner = os.getpid()

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        """Run it to its end, and pass on what it says."""
        for number in _STOP_SIGNALS:
            # They are the runner's to act on. Ignored, they would stay ignored in the process too.
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGUSR1, self._end)
        die_with_parent(signal.SIGUSR1, parent=self._runner)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
        super().run(events, ignore_signals=False)

    def _start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        watcher = os.getpid()
        child: subprocess.Popen[bytes] = Popen(
            command,
            shell=False,
            stdin=subprocess.DEVNULL,
            preexec_fn=lambda: die_with_parent(parent=watcher),
            **options,
        )
        threading.Thread(target=_end_with, args=(child,), daemon=True).start()
        return child

    def _end(self, number: int, frame: FrameType | None) -> None:
        if self._child is not None:
            _kill_group(self._child.pid)
        os._exit(1)


class Processes(Manager):  # type: ignore[misc] # honcho has no types
    """The processes of one runner. Leaving it as a context ends them all, the `last` one last."""

    def __init__(self) -> None:
        super().__init__(PatientPrinter(sys.stdout))
        self._process_ctor = Group
        self._last = ""
        self._asked_at = 0.0
        self._drains_until = 0.0

    def __enter__(self) -> Self:
        # Under nohup a closed terminal means nothing.
        is_nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        for number in _STOP_SIGNALS:
            if not (is_nohup and number == signal.SIGHUP):
                signal.signal(number, self._take_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._system_print(f"Stopping: {DRAIN_SECONDS:g} s at most for running tasks; Ctrl-C again ends them at once\n")
        others = [name for name in self._processes if name != self._last]
        self._drains_until = time.monotonic() + DRAIN_SECONDS
        self._end(others, until=lambda: self._drains_until)
        deadline = time.monotonic() + _LAST_SECONDS
        self._end([name for name in self._processes if name == self._last], until=lambda: deadline)
        for number in _STOP_SIGNALS:
            # One more Ctrl-C has nothing left to end.
            signal.signal(number, signal.SIG_IGN)

    def start(self, name: str, command: Sequence[str], *, last: bool = False) -> None:
        """Start a process; what it says is shown behind its name."""
        self.add_process(name, list(command))
        self._last = name if last else self._last
        record = self._processes[name]
        record["watcher"] = multiprocessing.Process(target=record["obj"].run, args=(self.events,))
        # The watcher lets them through once it knows what to do with them.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        record["watcher"].start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)

    def run_until(self, condition: Callable[[], bool]) -> None:
        """Show what the processes say until the condition holds. Raises Stopped or Fell."""
        while not condition():
            self._take_event()
            if self._asked_at:
                raise Stopped
            for name, record in self._processes.items():
                if "returncode" in record:
                    raise Fell(name, code=record["returncode"])

    def _take_signal(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at and number == signal.SIGINT and now > self._asked_at + _TWICE_SECONDS:
            self._drains_until = now
        self._asked_at = self._asked_at or now

    def _take_event(self) -> None:
        try:
            event = self.events.get(timeout=0.1)
        except queue.Empty:
            self._notice_lost_watchers()
            return
        if event.type == "line":
            self._printer.write(event)
        else:
            self._processes[event.name] |= event.data

    def _notice_lost_watchers(self) -> None:
        for record in self._processes.values():
            if not record["watcher"].is_alive():
                record.setdefault("returncode", record["watcher"].exitcode)

    def _end(self, names: Sequence[str], *, until: Callable[[], float]) -> None:
        started_until = time.monotonic() + _KILLED_SECONDS
        self._wait(
            lambda: all("pid" in record for record in self._running(names)),
            until=lambda: started_until,
        )
        for record in self._running(names):
            with contextlib.suppress(KeyError, ProcessLookupError):
                os.kill(record["pid"], signal.SIGTERM)
        self._wait(lambda: not self._running(names), until=until)
        for record in self._running(names):
            self._system_print(f"“{record['obj'].name}” did not end in time and is killed")
            _kill_group(record.get("pid"))
        killed_until = time.monotonic() + _KILLED_SECONDS
        self._wait(lambda: not self._running(names), until=lambda: killed_until)
        for record in self._running(names):
            record["watcher"].kill()

    def _wait(self, condition: Callable[[], bool], *, until: Callable[[], float]) -> None:
        while not condition() and time.monotonic() < until():
            self._take_event()

    def _running(self, names: Sequence[str]) -> list[dict[str, Any]]:
        records = [self._processes[name] for name in names]
        return [record for record in records if "returncode" not in record]


def _end_with(child: subprocess.Popen[bytes]) -> None:
    child.wait()
    _kill_group(child.pid)


def _kill_group(leader: int | None) -> None:
    if leader is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)
