"""`python -m portal.runner`: run everything in the foreground until Ctrl-C."""

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from portal.runner import address, embedded, memory
from portal.runner.commands import commands
from portal.runner.lifeline import die_with_parent
from portal.runner.output import tell
from portal.runner.prepare import Admin
from portal.runner.processes import Fell, Processes, Stopped
from portal.runner.refusals import CannotStart
from portal.runner.state import empty_metrics, locked, prepare_state

AS_BEFORE = "as it was set before; .venv/bin/python manage.py changepassword admin sets another"


def main() -> int:
    """Run the portal. Return an exit code: 0 when somebody asked for the end."""
    os.umask(0o077)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    os.environ["PYTHONUNBUFFERED"] = "1"
    for name, value in memory.ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    multiprocessing.set_start_method("fork")
    try:
        var = prepare_state()
        refuse_wrong_settings()
        with locked(var):
            address.check_is_free(settings.BIND, port=settings.PORT)
            run(var)
    except CannotStart as reason:
        print(reason, file=sys.stderr)
        return 1
    except Fell as reason:
        print(f"{reason}, so everything else was stopped.", file=sys.stderr)
        return 1
    except (Stopped, KeyboardInterrupt):
        tell("Everything is stopped.")
    return 0


def refuse_wrong_settings() -> None:
    """Raise CannotStart, with a line for each setting that cannot be used."""
    if settings.ENVIRONMENT.problems:
        raise CannotStart("\n".join(map(str, settings.ENVIRONMENT.problems)))


def run(var: Path) -> None:
    """Run everything. Raises Stopped, Fell or CannotStart, once all has ended again."""
    empty_metrics(settings.METRICS_FOLDER)
    with Processes() as processes:
        if not os.environ.get("REDIS_URL"):
            server = embedded.prepare_server(settings.REDIS, folder=var / "redis")
            processes.start("redis", server, last=True)
            processes.run_until(lambda: embedded.answers(settings.REDIS))
        tell("Preparing the database and the static files")
        admin = prepare_site(processes)
        for name, command in commands(port=settings.PORT).items():
            processes.start(name, command)
        processes.run_until(lambda: address.answers(settings.BIND, port=settings.PORT))
        tell(banner(admin))
        processes.run_until(lambda: False)


def prepare_site(processes: Processes) -> Admin:
    """Return the admin, once a process of its own has prepared the site. Raises CannotStart."""
    command = [sys.executable, "-m", "portal.runner.prepare"]
    runner = os.getpid()
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: die_with_parent(parent=runner),
    ) as child:
        try:
            processes.run_until(lambda: child.poll() is not None)
        finally:
            child.kill()
        report = child.stdout.read() if child.stdout else ""
    # Nobody else needs to know it.
    os.environ.pop("PORTAL_ADMIN_PASSWORD", None)
    if child.returncode:
        raise CannotStart(report.strip() or "The site could not be prepared; what is above tells why.")
    return Admin(**json.loads(report))


def banner(admin: Admin) -> str:
    """Return what a person needs to know to use the site."""
    local = address.local_url(settings.BIND, port=settings.PORT)
    aside = "" if local == settings.SITE_URL else f" (on this machine {local})"
    return f"""
The portal runs: {settings.SITE_URL}/{aside}
    Admin:       {settings.SITE_URL}/admin/
    Name:        {admin.name}
    Password:    {admin.password or AS_BEFORE}
Ctrl-C stops everything.
"""


if __name__ == "__main__":
    sys.exit(main())
