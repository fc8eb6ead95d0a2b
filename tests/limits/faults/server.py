"""A real server at the address that settings name, which a test may hurt in every way that servers are."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from django.conf import settings
from django.core.cache import caches

from limits.store.connection import forget_kept
from tests.servers import Server, start_redis, wait_until


class HurtServer:
    """A server of `program` in a folder, on the Unix socket of the settings."""

    def __init__(self, folder: Path, *, program: str) -> None:
        self._folder = folder
        self._program = program
        self._address = Path(settings.REDIS.socket_path)
        self._server: Server | None = None
        self.socket_path = str(folder / "s")
        self.client = redis.Redis.from_url(f"unix://{self.socket_path}")

    def start(self) -> None:
        """Start it, empty, and point the settings' address at it."""
        (self._folder / "dump.rdb").unlink(missing_ok=True)
        self._server = start_redis(
            self._folder,
            program=self._program,
            socket_path=self.socket_path,
            options=(
                *("--enable-debug-command", "yes", "--enable-protected-configs", "yes"),
                *("--rdbcompression", "no"),
            ),
        )
        self.lead_to(self.socket_path)

    def lead_to(self, place: str) -> None:
        """Let the settings' address be this socket from now on."""
        self._address.unlink(missing_ok=True)
        self._address.symlink_to(place)

    def kill(self) -> None:
        """End it at once, as a crash does: its socket refuses."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def pause(self) -> None:
        """Let it hang."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Let it read its data anew, for 40 seconds or until this ends, and say to everybody that it does."""
        self.client.mset({f"filler:{number}": "x" * 1024 for number in range(20_000)})
        self.client.save()
        self.tell("CONFIG", "SET", "loading-process-events-interval-bytes", 1024, "key-load-delay", 2000)
        reload = threading.Thread(target=self.tell, args=("DEBUG", "RELOAD", "NOSAVE"))
        reload.start()
        wait_until(lambda: self.client.info("persistence")["loading"] == 1, what="that it loads")
        yield
        self.tell("CONFIG", "SET", "key-load-delay", 0)
        reload.join()

    @contextmanager
    def failing_to_save(self) -> Iterator[None]:
        """Let its disk fail, which it tells whoever writes."""
        gone = self._folder / "gone"
        gone.mkdir()
        self.tell("CONFIG", "SET", "save", "3600 1", "dir", str(gone))
        gone.rmdir()
        self.tell("BGSAVE")
        wait_until(lambda: self.client.info("persistence")["rdb_last_bgsave_status"] == "err", what="a failed save")
        yield
        self.tell("CONFIG", "SET", "save", "", "dir", str(self._folder))
        self.tell("SAVE")

    def tell(self, *command: str | int) -> None:
        """Send it a command over a connection of our own."""
        self.client.execute_command(*command)

    def close(self) -> None:
        """Stop it, and leave nothing at the address."""
        self._address.unlink(missing_ok=True)
        if self._server and self._process.poll() is None:
            self.resume()
            self._server.stop()
        self.client.close()
        for alias in settings.CACHES:
            caches[alias].client.get_client().connection_pool.disconnect()
        forget_kept()

    @property
    def _process(self) -> "subprocess.Popen[bytes]":
        assert self._server
        return self._server.process

    def _signal(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)
