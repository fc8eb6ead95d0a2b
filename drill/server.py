"""The server of the drill: configured as that of `make run`, and killed as a machine that dies kills it."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drill.telling import Failed
from portal.operations.backups.proving.binaries import Binary
from portal.redis_address import RedisAddress
from portal.runner import embedded
from portal.runner.lifeline import die_with_parent

_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_PAUSE_SECONDS = 0.02


class Server:
    """A server with AOF whose files are in `folder`; it runs from `start` to `kill` or `stop`."""

    def __init__(self, binary: Binary, *, address: RedisAddress, folder: Path) -> None:
        self._binary, self._address, self._folder = binary, address, folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it on whatever files there are; return once it answers. Raises Failed."""
        _, *configuration = embedded.prepare_server(self._address, folder=self._folder)
        log = self._folder / "server.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [self._binary.path, *configuration],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=die_with_parent,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not embedded.answers(self._address):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"{self._binary} does not start: {log.read_text(errors='replace').strip()}")
            time.sleep(_PAUSE_SECONDS)

    def kill(self) -> None:
        """End it by kill -9."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it in order. Raises Failed."""
        assert self._process
        self._process.terminate()
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self._binary} did not stop within {_STOP_SECONDS:g} s.") from None


@contextmanager
def ready_server(binary: Binary, *, address: RedisAddress, folder: Path) -> Iterator[Server]:
    """Give a server that does not run yet, and leave nothing of it."""
    server = Server(binary, address=address, folder=folder)
    try:
        yield server
    finally:
        server.kill()
        shutil.rmtree(Path(address.socket_path).parent, ignore_errors=True)
