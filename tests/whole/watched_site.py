"""A site with nothing but a database and `watch_redis --forever`: no worker, no beat, no broker."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers import free_port

ROOT = Path(__file__).resolve().parent.parent.parent


class WatchedSite:
    """A site with its state under `var`, and its watch. Nobody listens at its broker's address."""

    def __init__(self, var: Path, *, settings: dict[str, str]) -> None:
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.endswith("_URL")},
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "SECRET_KEY": "a key of a site that lives for one test and no longer",
            "PORTAL_VAR": str(var),
            "CELERY_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0",
            **settings,
        }
        self._log = var / "watch.log"

    def manage(self, *arguments: str, code: int = 0) -> str:
        """Run a command; return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self._environment, text=True, capture_output=True
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def run(self, program: str) -> str:
        """Run a few lines of Python within the site; return what they print."""
        return self.manage("shell", "--no-imports", "-c", program)

    @contextmanager
    def watching(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Let `watch_redis --forever` run."""
        with (
            self._log.open("ab") as log,
            subprocess.Popen(
                [sys.executable, "manage.py", "watch_redis", "--forever"],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
            ) as process,
        ):
            try:
                yield process
            finally:
                process.terminate()
                process.wait(timeout=40)

    @property
    def log(self) -> str:
        """What the watch wrote."""
        return self._log.read_text()


def told(titles: Sequence[str], *words: str) -> int:
    """Return how many titles begin with the first and hold all the others."""
    return sum(title.startswith(words[0]) and all(word in title for word in words) for title in titles)
