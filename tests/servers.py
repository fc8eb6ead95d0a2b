"""Real servers for tests: each on loopback or a Unix socket, in a folder of its own, stopped by its pid."""

import atexit
import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis

DEADLINE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A process that serves, and the address at which it does."""

    process: "subprocess.Popen[bytes]"
    url: str

    def stop(self) -> None:
        """End the process, and wait until it has ended."""
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(holds: Callable[[], bool], *, what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Return once `holds()`; fail, naming `what`, when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.01)


def start_redis(
    folder: Path,
    *,
    program: str,
    socket_path: str = "",
    port: int = 0,
    configuration: Sequence[str] = (),
    options: Sequence[str] = (),
) -> Server:
    """Start a Redis or Valkey that keeps nothing, on a Unix socket or a port; `configuration` may name a file."""
    folder.mkdir(parents=True, exist_ok=True)
    place = ["--unixsocket", socket_path] if socket_path else ["--bind", "127.0.0.1"]
    command = [program, *configuration, "--port", str(port), *place, "--dir", str(folder), "--save", "", *options]
    url = f"unix://{socket_path}" if socket_path else f"redis://127.0.0.1:{port}"
    server = _start(command, url=url, log=folder / "redis.log")
    client = redis.Redis.from_url(url)
    wait_until(lambda: _answers(client), what=program)
    client.close()
    return server


def start_mariadb(folder: Path) -> Server:
    """Start a MariaDB with an empty database named `portal`."""
    folder.mkdir(parents=True)
    data, sock, port = folder / "data", folder / "mariadb.sock", free_port()
    install = [
        "mariadb-install-db",
        "--no-defaults",
        f"--datadir={data}",
        "--skip-test-db",
        "--user=root",
    ]
    subprocess.run([*install, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
    command = [
        *("mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={sock}"),
        *(f"--port={port}", "--bind-address=127.0.0.1", "--skip-name-resolve"),
        *(f"--pid-file={folder / 'pid'}", "--character-set-server=utf8mb4"),
        *("--collation-server=utf8mb4_general_ci", "--innodb-flush-log-at-trx-commit=0"),
        *("--innodb-doublewrite=0", "--performance-schema=OFF"),
    ]
    server = _start(command, url=f"mysql://root@127.0.0.1:{port}/portal", log=folder / "mariadb.log")
    client = ["mariadb", "--no-defaults", f"--socket={sock}", "--user=root", "-e"]
    wait_until(
        lambda: subprocess.run([*client, "SELECT 1"], capture_output=True).returncode == 0,
        what="mariadbd",
    )
    subprocess.run([*client, "CREATE DATABASE portal"], check=True)
    return server


def _start(command: Sequence[str], *, url: str, log: Path) -> Server:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    server = Server(process, url)
    atexit.register(server.stop)
    return server


def _answers(client: "redis.Redis[bytes]") -> bool:
    with contextlib.suppress(redis.RedisError):
        return bool(client.ping())
    return False
