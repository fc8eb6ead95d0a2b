"""A site that the drill makes, and loses: its state, its settings, its commands."""

import os
import re
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pyrage import x25519  # type: ignore[import-untyped]

from drill.telling import Failed
from portal.redis_address import RedisAddress, embedded_address
from portal.runner.lifeline import die_with_parent

PROJECT = Path(__file__).resolve().parent.parent
_SAID_LINES_MAX = 10
_VARIABLE = re.compile(r"^#?([A-Z][A-Z_]+)=", re.MULTILINE)


@dataclass
class Site:
    """A site whose state is under `folder`/site, and whose backups are beside it."""

    folder: Path
    is_encrypted: bool

    @property
    def var(self) -> Path:
        """The state that is lost."""
        return self.folder / "site"

    @property
    def database(self) -> Path:
        """The file of the database."""
        return self.var / "portal.sqlite3"

    @property
    def address(self) -> RedisAddress:
        """Where its server listens."""
        return embedded_address(self.var)

    @property
    def opening(self) -> tuple[str, ...]:
        """What opens a backup, as arguments of a command."""
        return ("--identity", str(self._identity_file)) if self.is_encrypted else ()

    def begin_anew(self) -> None:
        """Lose all state."""
        shutil.rmtree(self.var, ignore_errors=True)
        self.var.mkdir(mode=0o700)

    def manage(self, *arguments: str) -> str:
        """Run a command of `manage.py` as an operator does; return what it said. Raises Failed."""
        return self._run("manage.py", *arguments)

    def module(self, name: str) -> None:
        """Run a module of ours on the site. Raises Failed."""
        self._run("-m", name)

    def _run(self, *arguments: str) -> str:
        ran = subprocess.run(
            [sys.executable, *arguments],
            cwd=PROJECT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=die_with_parent,
        )
        if ran.returncode:
            raise Failed(f"`{' '.join(arguments)}` ended with {ran.returncode}:\n{_last_lines(ran.stdout)}")
        return ran.stdout.strip()

    @cached_property
    def _environment(self) -> dict[str, str]:
        # Blank stands for the default, and keeps out what `.env` says: the drill must not reach anything of this site.
        blank = dict.fromkeys(_VARIABLE.findall((PROJECT / ".env.example").read_text(encoding="utf-8")), "")
        ours = {
            "PORTAL_VAR": str(self.var),
            "SECRET_KEY": secrets.token_urlsafe(48),
            "DATABASE_URL": f"sqlite:///{self.database}",
            "REDIS_URL": self.address.url,
            "BACKUP_DIR": str(self.folder / "backups"),
            "BACKUP_RECIPIENT": self._recipient,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
        }
        return os.environ | blank | ours

    @cached_property
    def _recipient(self) -> str:
        if not self.is_encrypted:
            return ""
        identity = x25519.Identity.generate()
        self._identity_file.touch(mode=0o600)
        self._identity_file.write_text(f"{identity}\n")
        return str(identity.to_public())

    @property
    def _identity_file(self) -> Path:
        return self.folder / "identity.txt"


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_SAID_LINES_MAX:])
