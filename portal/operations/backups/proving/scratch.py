"""A server of one plain RDB file, for a proof: in a private folder, on a Unix socket, gone afterwards."""

import contextlib
import os
import re
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from portal.operations.backups.folders import scratch_folder
from portal.operations.backups.proving import memory
from portal.operations.backups.proving.binaries import Binary, choose_binary, find_binaries
from portal.operations.backups.rdb import format
from portal.operations.backups.rdb.format import RdbError
from portal.redis_address import RedisAddress
from portal.runner.lifeline import die_with_parent

_DEADLINE_SECONDS = 60.0
_SLOWEST_BYTES_PER_SECOND = 1_000_000
"""A tenth or less of what a slow machine loads: beyond that a server hangs."""
_PAUSE_SECONDS = 0.02
_DATABASES = 10_000
_PROGRAM_BYTES = 512 * 1024 * 1024
"""The address space of the program itself: its code, and the stacks of its threads."""
_OOM_SCORE = Path("/proc/self/oom_score_adj")
_REFUSAL = re.compile(r"^\d+:[A-Z] .*? # (?!Fatal error loading)(?:Internal error in RDB.*?-> )?(.+)$", re.MULTILINE)
_NO_MEMORY = "allocating"
"""In what servers say when memory is short."""
_NOT_OF_THE_FILE = ("module", "Can't handle RDB format", "Wrong signature", "Unix socket")
"""What a server says of itself: another one may load the file."""


class NoServer(Exception):
    """No scratch server can be had for this file; it may be good. The message says what to do."""


class Hindered(NoServer):
    """A server is there that may load it, and this machine kept it from that: for want of memory or of time."""


class LoadFailed(Exception):
    """A server that should have loaded the file did not; the message holds its own words."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """A running server that has loaded the file."""

    address: RedisAddress
    engine: str
    version: str

    def __str__(self) -> str:
        return f"{self.engine} {self.version}"


@contextmanager
def scratch_server(path: Path, *, needed_bytes: int = 0) -> Iterator[Scratch]:
    """Give a server that has loaded a file, which it never writes to; `needed_bytes` is the memory it will take.

    Raises NoServer and LoadFailed.
    """
    binary = _choose(path)
    room = _room(max(needed_bytes, path.stat().st_size))
    with scratch_folder() as folder:
        (folder / "dump.rdb").symlink_to(path.resolve())
        process = _start(binary, folder=folder, room_bytes=room)
        try:
            address = RedisAddress(kind="unix", socket_path=str(folder / "s.sock"))
            _await(process, address=address, binary=binary, seconds=_patience_seconds(path))
            yield Scratch(address, binary.engine, binary.version)
        finally:
            process.kill()
            process.wait()


def _choose(path: Path) -> Binary:
    with path.open("rb") as file:
        magic = file.read(format.MAGIC_BYTES)
    try:
        among = find_binaries()
        binary = choose_binary(magic, among=among)
    except RdbError as error:
        raise LoadFailed(f"No server loads this file. {error}") from error
    if binary:
        return binary
    there = ", ".join(str(binary) for binary in among) or "none"
    raise NoServer(
        f"No server on this machine loads a file of {magic.decode()} (found: {there}), so nothing tried whether it "
        "loads. Install the redis-server or valkey-server of the version that wrote it, on PATH."
    )


def _room(needed_bytes: int) -> int | None:
    room = memory.available_bytes()
    if room is not None and needed_bytes > room:
        raise Hindered(
            f"To load it takes about {needed_bytes / 1e6:,.0f} MB of memory, and {room / 1e6:,.0f} MB are free here, "
            "so nothing tried whether it loads. Prove it on a machine with more memory."
        )
    return room


def _start(binary: Binary, *, folder: Path, room_bytes: int | None) -> "subprocess.Popen[bytes]":
    parent = os.getpid()

    def prepare() -> None:
        die_with_parent(parent=parent)
        _restrain(room_bytes)

    command: list[str | Path] = [binary.path, "--port", "0", "--unixsocket", folder / "s.sock"]
    command += ["--unixsocketperm", "700", "--dir", folder, "--dbfilename", "dump.rdb", "--save", ""]
    command += ["--appendonly", "no", "--databases", str(_DATABASES), "--daemonize", "no", "--loglevel", "notice"]
    # Else a damaged value loads, and does harm when it is used; whoever made the file may mean that.
    command += ["--sanitize-dump-payload", "yes"]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={"PATH": os.defpath},
            preexec_fn=prepare,
        )


def _restrain(room_bytes: int | None) -> None:
    """Have this process fail before others do when memory is short, and leave no image of itself if it crashes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if room_bytes is None:
        return
    limit = room_bytes + _PROGRAM_BYTES
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY or limit < most:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with contextlib.suppress(OSError):  # forbidden in some containers; the limit holds
        _OOM_SCORE.write_text("1000")


def _patience_seconds(path: Path) -> float:
    return _DEADLINE_SECONDS + path.stat().st_size / _SLOWEST_BYTES_PER_SECOND


def _await(process: "subprocess.Popen[bytes]", *, address: RedisAddress, binary: Binary, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    with redis.Redis.from_url(address.url, socket_timeout=5) as client:
        while not _has_loaded(client):
            if process.poll() is not None:
                raise _refusal(process.returncode, log=Path(address.socket_path).with_name("log"), binary=binary)
            if time.monotonic() > deadline:
                raise Hindered(
                    f"The scratch server, {binary}, had not loaded it after {seconds:,.0f} s, so nobody knows whether "
                    "it loads. Is this machine overloaded? Prove it again."
                )
            time.sleep(_PAUSE_SECONDS)


def _has_loaded(client: redis.Redis) -> bool:
    # While it loads it answers with an error, and before that not at all.
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def _refusal(returned: int, *, log: Path, binary: Binary) -> NoServer | LoadFailed:
    said = _REFUSAL.findall(log.read_text(errors="replace"))
    words = next((line for line in said if _NO_MEMORY in line), said[-1] if said else "it said nothing")
    words = "".join(letter for letter in words if letter.isprintable()).rstrip(". ")
    if _NO_MEMORY in words or -returned in (signal.SIGKILL, signal.SIGTERM):
        return Hindered(
            f"The scratch server, {binary}, ran out of memory or was ended from outside, so nothing tried whether it "
            "loads. Prove it on a machine with more memory."
        )
    if any(part in words for part in _NOT_OF_THE_FILE):
        return NoServer(
            f"The scratch server, {binary}, cannot load this kind of file: “{words}”, so nothing tried whether it "
            "loads. Install the server that wrote it, with its modules, on PATH."
        )
    # Redis says the same of a value for which there is no memory.
    hint = " It is cut, or there is too little memory here." if "Unexpected EOF" in words else ""
    return LoadFailed(f"{binary} did not load it: “{words}”.{hint}")
