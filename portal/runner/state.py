"""The state folder: private, one runner's at a time, with a secret key of its own."""

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from portal.environment import Environment
from portal.runner.refusals import CannotStart

PROJECT = Path(__file__).resolve().parents[2]
LOCK_FILE = "run.lock"
KEY_FILE = "secret_key"
# The processes of a runner that was killed end with it, some moments later.
_PATIENCE_SECONDS = 5.0


def prepare_state() -> Path:
    """Return the state folder, made when missing, with a secret key in it unless SECRET_KEY is set.

    It comes before the settings, which read the key from there. Raises CannotStart.
    """
    try:
        Environment(PROJECT / ".env")
        var = Path(os.environ.get("PORTAL_VAR") or PROJECT / "var").absolute()
        var.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.environ.get("SECRET_KEY"):
            keep_secret_key(var / KEY_FILE)
    except OSError as error:
        raise CannotStart(f"{error.filename}: {error.strerror}. PORTAL_VAR names the state folder.") from error
    return var


def keep_secret_key(path: Path) -> None:
    """Make a random key, whole or not at all, unless there is one."""
    if path.exists():
        return
    with tempfile.NamedTemporaryFile("w", dir=path.parent) as file:
        file.write(secrets.token_urlsafe(48) + "\n")
        file.flush()
        os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)


def empty_metrics(folder: Path) -> None:
    """Make the folder in which processes share what they counted for Prometheus; what earlier ones left is deleted."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, exist_ok=True)


@contextlib.contextmanager
def locked(var: Path) -> Iterator[None]:
    """Hold the state folder. Raises CannotStart when another runner has it."""
    with (var / LOCK_FILE).open("a+") as lock:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _take(lock.fileno()):
            lock.seek(0)
            holder = lock.read().strip()
            if Path("/proc", holder or "none").exists() or time.monotonic() > deadline:
                raise CannotStart(
                    f"The portal runs already on {var}, as process {holder or 'unknown'}: "
                    "stop that one first, or name another folder with PORTAL_VAR."
                )
            time.sleep(0.05)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _take(file_descriptor: int) -> bool:
    try:
        fcntl.flock(file_descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
