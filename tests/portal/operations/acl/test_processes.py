"""The whole site, each process started with the lines that `redis_acl` prints for it; the default user is closed."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError

import pytest

from portal.operations.acl.users import MONITOR, RESTORE
from portal.runner.commands import commands
from tests.limits.management.running import PROJECT, run
from tests.portal.operations.acl.guarding import Guarded
from tests.servers import free_port, wait_until

pytestmark = [pytest.mark.server, pytest.mark.slow]

PREPARE = """
import django
django.setup()
"""
ASK_BACKUP = """
from django.utils import timezone
from portal.operations import runs
from portal.operations.long import run_waiting
runs.ask("backup", slot="one", source="redis", now=timezone.now())
run_waiting.delay()
"""
ASK_RESTORE = """
from django.utils import timezone
from portal.operations import runs
from portal.operations.long import run_waiting
runs.ask("restore", slot="two", source="redis", now=timezone.now(), subject="latest", arguments={"whole": True})
run_waiting.delay()
"""
STATES = """
from portal.operations.models import JobRun
print(*(f"{run.job}:{run.state}:{run.outcome}" for run in JobRun.objects.order_by("pk")), sep=chr(10))
"""


@dataclass(frozen=True)
class Site:
    """A site whose processes run; `environment` is that of the web processes."""

    guarded: Guarded
    port: int
    var: Path
    environment: Mapping[str, str]

    def do(self, script: str) -> str:
        """Run a script as the site's own; return what it prints."""
        done = run("-c", PREPARE + script, var=self.var, **self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, path: str) -> tuple[int, str]:
        """Return the status and the text of a page."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""


@pytest.fixture
def site(guarded: Guarded, tmp_path: Path) -> Iterator[Site]:
    """Web, worker, long worker and beat."""
    port, var = free_port(), tmp_path / "var"
    var.mkdir()
    common = {"DJANGO_SETTINGS_MODULE": "portal.settings", "PORT": str(port), "WEB_CONCURRENCY": "1"}
    environment = common | guarded.settings_of("in .env")
    prepared = run("-m", "portal.runner.prepare", var=var, **environment)
    assert prepared.returncode == 0, prepared.stdout + prepared.stderr
    long = environment | guarded.settings_of("worker of long jobs")
    with ExitStack() as running:
        for name, command in commands(port=port).items():
            log = running.enter_context((tmp_path / f"{name}.log").open("wb"))
            process = _start(command, environment=long if name == "long" else environment, var=var, log=log)
            running.callback(_stop, process)
        yield Site(guarded, port, var, environment)


def _start(
    command: list[str], *, environment: Mapping[str, str], var: Path, log: "subprocess._FILE"
) -> "subprocess.Popen[bytes]":
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SECRET_KEY") if name in os.environ}
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        env=inherited | {"PORTAL_VAR": str(var)} | environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def test_the_site_runs_on_the_printed_users_and_nothing_is_refused(site: Site) -> None:
    wait_until(lambda: '"status": "ok"' in site.get("/readyz")[1], what="the whole site", seconds=90)
    answers = [site.get("/")[0] for _ in range(51)]
    assert (set(answers[:50]), answers[50]) == ({200}, 429)
    site.do(ASK_BACKUP)
    wait_until(lambda: "backup:succeeded" in site.do(STATES), what="the backup", seconds=90)
    site.do(ASK_RESTORE)
    wait_until(lambda: "restore:succeeded" in site.do(STATES), what="the restore", seconds=90)
    ping = run("-m", "celery", "-A", "celery_app", "inspect", "ping", var=site.var, **site.environment)
    assert ping.stdout.count("pong") == 2, ping.stdout + ping.stderr
    assert set(site.guarded.refused()) == {f"{RESTORE}: command config|get"}


def test_policies_are_checked_as_the_one_who_watches(guarded: Guarded, tmp_path: Path) -> None:
    environment = guarded.settings_of("in .env")
    assert run("manage.py", "migrate", var=tmp_path, **environment).returncode == 0
    assert run("manage.py", "policies", "sync", var=tmp_path, **environment).returncode == 0
    watching = run("manage.py", "policies", "sync", "--check", var=tmp_path, **guarded.settings_of("watch_redis"))
    assert watching.returncode == 0, watching.stderr
    assert MONITOR in guarded.settings_of("watch_redis")["CELERY_BROKER_URL"]
    assert guarded.refused() == []


def test_the_command_is_a_plain_one(guarded: Guarded, tmp_path: Path) -> None:
    environment = guarded.settings_of("in .env")
    done = run("manage.py", "redis_acl", "--passwords", var=tmp_path, **environment)
    lines = done.stdout.splitlines()
    assert [line.split()[2] for line in lines] == list(guarded.users)
    assert sys.executable not in done.stderr
    assert guarded.refused() == []


def test_watching_and_the_checklist_work(guarded: Guarded, tmp_path: Path) -> None:
    environment = guarded.settings_of("in .env")
    for command in ("migrate", "policies sync"):
        assert run("manage.py", *command.split(), var=tmp_path, **environment).returncode == 0
    watching = run("manage.py", "watch_redis", var=tmp_path, **guarded.settings_of("watch_redis"))
    assert watching.returncode == 0, watching.stdout + watching.stderr
    assert "No alert is under way." in watching.stdout
    assert guarded.refused() == []
    told = json.loads(run("manage.py", "redis_checklist", "--json", var=tmp_path, **environment).stdout)
    lines = {line["id"]: line["state"] for line in told["lines"]}
    passing = {"reach", "password", "dangerous-commands", "eviction", "limiter-counts", "policies-in-step"}
    assert {name for name in passing if lines[name] != "pass"} == set()
