"""A runner in a process of its own, and what a test may ask about it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from portal.redis_address import RedisAddress, embedded_address
from portal.runner import address
from portal.runner.state import PROJECT

PATIENCE_SECONDS = 60.0


def wait_until(condition: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Return once the condition holds. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(condition)
        time.sleep(0.05)


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


class Runner:
    """`python -m portal.runner` on a state folder, in a session of its own."""

    def __init__(self, var: Path, *, at_hang_up: signal.Handlers = signal.SIG_DFL, **environment: str) -> None:
        self.var = var
        self.port = int(environment.get("PORT") or free_port())
        self._output_path = var.parent / f"output-{self.port}"
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with self._output_path.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "portal.runner"],
                cwd=PROJECT,
                env=inherited | {"PORTAL_VAR": str(var), "PORT": str(self.port)} | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGHUP, at_hang_up),
            )

    @property
    def output(self) -> str:
        """What it wrote so far."""
        return self._output_path.read_text(errors="replace")

    @property
    def redis(self) -> RedisAddress:
        """Where its embedded server listens."""
        return embedded_address(self.var)

    def wait_for(self, text: str) -> "Runner":
        """Return once it wrote that. Raises TimeoutError or EOFError, with its output."""

        def is_there() -> bool:
            if self.process.poll() is not None and text not in self.output:
                raise EOFError(self.output)
            return text in self.output

        try:
            wait_until(is_there)
        except TimeoutError as error:
            raise TimeoutError(self.output) from error
        return self

    def serves(self) -> bool:
        """Return whether its web server answers."""
        return address.answers("127.0.0.1", port=self.port)

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def ends_at_ctrl_c(self) -> bool:
        """Press Ctrl-C unless it has ended; return whether it has."""
        if self.process.poll() is None:
            self.interrupt()
        return self.process.poll() is not None

    def exit_code(self) -> int:
        """Return its exit code, once it has ended."""
        return self.process.wait(timeout=PATIENCE_SECONDS)

    def processes(self, word: str = "") -> list[int]:
        """Return the ids of its living processes whose command has that word, the oldest first."""
        mark = f"PORTAL_VAR={self.var}\0".encode()
        return sorted(
            int(folder.name)
            for folder in Path("/proc").glob("[0-9]*")
            if mark in _read(folder / "environ") and word.encode() in _read(folder / "cmdline")
        )

    def end(self) -> None:
        """Leave nothing of it behind, however it fared."""
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process.wait()
        socket_folder = Path(self.redis.socket_path).parent
        if not socket_folder.is_relative_to(self.var):
            shutil.rmtree(socket_folder, ignore_errors=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""
