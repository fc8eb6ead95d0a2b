"""The first step of `make run`, `make test` and the like: `.venv`, with what the portal needs.

Run as a script by whatever python3 there is, before anything is installed: the standard library
only, and nothing that Python 3.6 cannot read, so that a Python that is too old gets one plain line
instead of a SyntaxError.
"""

import argparse
import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

# Older Pythons evaluate annotations: what they do not know stands in quotes.
if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDED = (3, 11)
NEWER_PYTHONS = ("python3.14", "python3.13", "python3.12", "python3.11")
PROJECT = Path(__file__).resolve().parent.parent.parent
CONSTRAINTS = "constraints.txt"
DRIVER = "mysqlclient"
DRIVER_NEEDS = "the Debian packages default-libmysqlclient-dev pkg-config gcc python3-dev"
PR_SET_PDEATHSIG = 1


class CannotInstall(Exception):
    """Says in one line why the portal cannot be installed here."""


class Venv:
    """The virtual environment, and its memory of what was installed from which requirements."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.log = folder / "install.log"
        self._stamps = folder / "installed.json"
        # Stands while pip works. Found at start: pip was interrupted, and left things half done.
        self._at_work = folder / "installing"

    def ensure(self) -> None:
        """Make the environment, anew when it is broken. Raises CannotInstall."""
        if self._is_sound():
            return
        say(f"Making the virtual environment {shown(self.folder)}")
        made = run(sys.executable, "-m", "venv", "--clear", str(self.folder), stdout=subprocess.PIPE)
        if made.returncode == 0 and self._is_sound():
            return
        if run(sys.executable, "-c", "import ensurepip, venv").returncode:
            raise CannotInstall("This Python has no venv with pip. On Debian: sudo apt install python3-venv")
        reason = last_line(made.stdout.decode(errors="replace"))
        raise CannotInstall(f"{shown(self.folder)} cannot be made: {reason}")

    def _is_sound(self) -> bool:
        return not self._at_work.exists() and is_new_enough(str(self.python), also="import pip")

    def stamp(self, name: str) -> str:
        """Return the stamp of the last installation of that name, empty when there was none."""
        return str(self._read_stamps().get(name, ""))

    def set_stamps(self, stamps: "dict[str, str]") -> None:
        """Note what was installed."""
        self._stamps.write_text(json.dumps(dict(self._read_stamps(), **stamps), indent=1))

    def _read_stamps(self) -> "dict[str, str]":
        try:
            return dict(json.loads(self._stamps.read_text()))
        except (OSError, ValueError):
            return {}

    def pip_install(self, *arguments: str) -> bool:
        """Return whether pip could install it; what it says goes to the log."""
        quietly = ("--quiet", "--no-input", "--disable-pip-version-check", "--retries", "2")
        command = (str(self.python), "-m", "pip", "install", *quietly, "-c", CONSTRAINTS)
        self._at_work.touch()
        with self.log.open("w") as log:
            code = run(*command, *arguments, stdout=log).returncode
        # A pip that was killed left its work half done.
        if code >= 0:
            self._at_work.unlink()
        return code == 0


def main(arguments: "list[str]") -> int:
    """Install, then become the portal unless only the installation is asked for.

    Returns an exit code.
    """
    refusal = refusal_of(sys.version_info[:2])
    if refusal:
        become_newer_python(arguments)
        return fail(refusal)
    options = parse(arguments)
    os.chdir(str(PROJECT))
    if os.environ.get("MAKELEVEL"):
        # A `make` that is killed takes the portal along: nobody else would stop it.
        die_with_parent(signal.SIGTERM)
    venv = Venv(Path(os.environ.get("VENV") or ".venv").absolute())
    try:
        with one_at_a_time():
            venv.ensure()
            install(venv, options.requirements)
            if not options.only_install:
                install_driver(venv, is_needed=is_mysql(database_url()))
    except CannotInstall as reason:
        return fail(str(reason))
    except KeyboardInterrupt:
        return fail("Stopped. The next start begins the installation again.")
    if not options.only_install:
        become(str(venv.python), "-m", "portal.runner")
    return 0


def parse(arguments: "list[str]") -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description="Install what the portal needs, and run it.")
    parser.add_argument("--only-install", action="store_true", help="do not run the portal")
    parser.add_argument("--requirements", default="requirements-base.txt", help="what to install")
    return parser.parse_args(arguments)


def refusal_of(version: "tuple[int, ...]") -> str:
    """Return what to say to a Python that is too old, nothing to one that will do."""
    if version >= NEEDED:
        return ""
    needed, found = (".".join(map(str, numbers)) for numbers in (NEEDED, version))
    return (
        f"Python {needed} or newer is needed; this is Python {found}. Name another one: make run PYTHON=python{needed}"
    )


def become_newer_python(arguments: "list[str]") -> None:
    """Run this script again by a newer Python of this machine; return when there is none."""
    for name in NEWER_PYTHONS:
        path = shutil.which(name)
        if path and is_new_enough(path):
            become(path, str(Path(__file__).resolve()), *arguments)


def install(venv: Venv, requirements: str) -> None:
    """Install a requirements file when it changed since the last time. Raises CannotInstall."""
    stamps = {name: digest_of(name) for name in files_of(requirements)}
    if venv.stamp(requirements) == stamps[requirements]:
        return
    say(f"Installing {requirements}; the first time takes about half a minute")
    if venv.pip_install("-r", requirements):
        venv.set_stamps(stamps)
        return
    log = venv.log.read_text(errors="replace")
    reason = last_line(log, starting="ERROR: ").replace("ERROR: ", "")
    hint = f" {DRIVER} needs {DRIVER_NEEDS}." if DRIVER in log else ""
    raise CannotInstall(f"The packages cannot be installed: {reason}.{hint} The whole log: {shown(venv.log)}")


def install_driver(venv: Venv, is_needed: bool) -> None:
    """Try to install the driver for MariaDB and MySQL, which pip builds from source.

    A failure is told, and tried again at the next start only when the driver is needed.
    """
    pin = driver_pin()
    built, failed = digest(pin), "failed " + digest(pin)
    if venv.stamp(DRIVER) in ((built,) if is_needed else (built, failed)):
        return
    say(f"Building {DRIVER}, the driver for MariaDB and MySQL")
    if venv.pip_install(pin):
        venv.set_stamps({DRIVER: built})
        return
    venv.set_stamps({DRIVER: failed})
    say(f"{DRIVER} cannot be built: MariaDB needs {DRIVER_NEEDS}; SQLite works without")


def files_of(requirements: str) -> "list[str]":
    """Return a requirements file's name and the names of the files that it includes.

    Raises CannotInstall.
    """
    try:
        text = (PROJECT / requirements).read_text(encoding="utf-8")
    except OSError:
        raise CannotInstall(f"There is no {requirements} in {PROJECT}") from None
    names = [requirements]
    for included in re.findall(r"^-r\s+(\S+)", text, re.MULTILINE):
        names += files_of(included)
    return names


def digest_of(requirements: str) -> str:
    """Return a digest of all that decides what a requirements file installs."""
    names = [*files_of(requirements), CONSTRAINTS]
    return digest(*((PROJECT / name).read_text(encoding="utf-8") for name in names))


def digest(*texts: str) -> str:
    """Return a digest of texts, for this Python."""
    return hashlib.sha256("\0".join((sys.version, *texts)).encode()).hexdigest()


def driver_pin() -> str:
    """Return the requirement of the driver, such as `mysqlclient==2.2`."""
    text = (PROJECT / "requirements.txt").read_text(encoding="utf-8")
    return next(line for line in text.splitlines() if line.startswith(DRIVER))


def database_url() -> str:
    """Return DATABASE_URL, of the environment or else of .env; empty when it is in neither."""
    lines = ""
    with contextlib.suppress(OSError):
        lines = (PROJECT / ".env").read_text(encoding="utf-8", errors="replace")
    pattern = r"^\s*(?:export\s+)?DATABASE_URL\s*=\s*[\"']?([^\s\"']+)"
    found = re.findall(pattern, lines, re.MULTILINE)
    return os.environ.get("DATABASE_URL") or (found[-1] if found else "")


def is_mysql(url: str) -> bool:
    """Return whether a database's address names MariaDB or MySQL."""
    return url.startswith("mysql")


def is_new_enough(python: str, also: str = "") -> bool:
    """Return whether a Python works, is new enough, and can do what else is asked of it."""
    look = f"import sys\n{also}\nsys.exit(sys.version_info < {NEEDED})"
    try:
        return run(python, "-c", look).returncode == 0
    except OSError:
        return False


def run(*command: str, stdout: "int | IO[str]" = subprocess.DEVNULL) -> "subprocess.CompletedProcess[bytes]":
    """Run a command in the project's folder to its end; it ends with this process."""
    return subprocess.run(
        command,
        cwd=str(PROJECT),
        stdout=stdout,
        stderr=subprocess.STDOUT,
        preexec_fn=die_with_parent,
    )


def become(*command: str) -> None:
    """Go on as another program, in this process."""
    os.execv(command[0], command)  # noqa: S606 - a constant of ours, and no shell is wanted


@contextlib.contextmanager
def one_at_a_time() -> "Iterator[None]":
    """Wait until no other installation into this tree is at work."""
    # A file of our own: whoever may read a file may hold its lock, and keep us waiting.
    with open(os.open(str(PROJECT / ".installing"), os.O_CREAT | os.O_RDWR, 0o600), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Another installation is at work; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when its parent ends; only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def last_line(text: str, starting: str = "") -> str:
    """Return the last line that says something, of those that start so when there are any."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    chosen = [line for line in lines if line.startswith(starting)] or lines
    return chosen[-1].rstrip(".") if chosen else "no reason was told"


def shown(path: Path) -> str:
    """Return a path as people near the project's folder write it."""
    return os.path.relpath(str(path)) if PROJECT in path.parents else str(path)


def say(text: str) -> None:
    """Tell what goes on."""
    print(text, flush=True)


def fail(text: str) -> int:
    """Tell why it ends here. Returns the exit code."""
    print(text, file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
