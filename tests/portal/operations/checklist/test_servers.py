"""The checklist against servers as people run them: every verdict, and what mends it, run as it is printed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from portal.operations.checklist import report
from portal.operations.checklist.lines import LINES
from portal.operations.checklist.mending import DEFAULT_FILE
from portal.operations.checklist.run import run
from portal.operations.checklist.values import Result, State
from portal.redis_address import RedisAddress
from tests.portal.operations.backups.servers import REDIS, VALKEY

from .conftest import result_of
from .servers import (
    APP_PASSWORD,
    PASSWORD,
    PASSWORD_ONLY,
    RENAMED,
    SECRETS,
    WIDE_OPEN,
    Started,
    run_commands,
    start,
    start_tls,
    with_users,
)

pytestmark = pytest.mark.server

PASS, FAIL, UNKNOWN = State.PASS, State.FAIL, State.UNKNOWN
SERVER_LINES = [line for line in LINES if line.subject not in ("Limiter", "Site", "Backups", "Alerts")]
LEAST = "-@all +get +set +incrby +pexpire +evalsha +eval +ping +select +hello +info +acl|whoami +acl|dryrun ~rl:*"
NO_CONFIG = "+@all -config ~* &*"
SOUND_VERDICTS = {
    "reach": PASS,
    "password": PASS,
    "default-user": PASS,
    "dangerous-commands": PASS,
    "bind": PASS,
    "protected-mode": PASS,
    "tls": PASS,
    "firewall": PASS,
    "maxmemory": PASS,
    "eviction": PASS,
    "persistence": PASS,
    "saves": PASS,
    "replication": PASS,
    "quorum": PASS,
    # Debian goes on mending what the makers do not: that is not seen from here.
    "version": UNKNOWN,
    "client-library": PASS,
}
HIDDEN_CONFIGURATION = {"bind": UNKNOWN, "protected-mode": UNKNOWN, "firewall": UNKNOWN}


@dataclass(frozen=True)
class Case:
    """A server, and how its lines stand beside those of a sound one."""

    start: Callable[[Path], Started]
    verdicts: Mapping[str, State]
    typed: str = ""
    """What is typed where a mending command asks."""


def _open(program: str) -> Callable[[Path], Started]:
    return lambda folder: start(folder, *WIDE_OPEN, program=program)


OPEN_VERDICTS = {
    "password": FAIL,
    "default-user": FAIL,
    "dangerous-commands": FAIL,
    "bind": FAIL,
    "protected-mode": FAIL,
    "firewall": UNKNOWN,
    "maxmemory": FAIL,
    "eviction": FAIL,
    "persistence": FAIL,
}
CASES = {
    "wide open": Case(_open(REDIS), OPEN_VERDICTS),
    "wide open Valkey": Case(_open(VALKEY), OPEN_VERDICTS | {"version": PASS}),
    "password only": Case(
        lambda folder: start(folder, *PASSWORD_ONLY, password=PASSWORD),
        {"default-user": FAIL, "dangerous-commands": FAIL, "maxmemory": FAIL},
        typed=PASSWORD,
    ),
    "least-privilege ACL": Case(
        lambda folder: start(folder, *with_users(LEAST), user="app", password=APP_PASSWORD),
        HIDDEN_CONFIGURATION | {"default-user": UNKNOWN},
    ),
    "TLS": Case(
        lambda folder: start_tls(folder, "bind 127.0.0.1", f"requirepass {PASSWORD}", password=PASSWORD),
        {"default-user": FAIL, "dangerous-commands": FAIL, "maxmemory": FAIL},
        typed=PASSWORD,
    ),
    "renamed commands": Case(
        lambda folder: start(folder, *RENAMED, password=PASSWORD),
        HIDDEN_CONFIGURATION | {"eviction": FAIL, "persistence": UNKNOWN},
        typed=PASSWORD,
    ),
    "forbids CONFIG": Case(
        lambda folder: start(folder, *with_users(NO_CONFIG), user="app", password=APP_PASSWORD),
        HIDDEN_CONFIGURATION | {"dangerous-commands": FAIL},
        typed=APP_PASSWORD,
    ),
}
MENDED = [(name, line) for name, case in CASES.items() for line, state in case.verdicts.items() if state is FAIL]


@pytest.fixture
def started(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    keep: Callable[[Started], Started],
    use: Callable[[RedisAddress], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Started:
    """The server of a case, which the site uses."""
    started = keep(CASES[request.param].start(tmp_path / "server"))
    # Both the site and redis-cli trust what it names.
    monkeypatch.setenv("SSL_CERT_FILE", str(started.folder / "redis.crt"))
    use(started.address)
    return started


@pytest.mark.parametrize(("started", "name"), [(name, name) for name in CASES], indirect=["started"], ids=CASES)
def test_every_verdict_is_right(started: Started, name: str) -> None:
    found = {result.id: result.state for result in run(SERVER_LINES)}
    assert found == SOUND_VERDICTS | CASES[name].verdicts


@pytest.mark.parametrize(("started", "name"), [(name, name) for name in CASES], indirect=["started"], ids=CASES)
def test_no_secret_is_told(started: Started, name: str) -> None:
    results = list(run(SERVER_LINES))
    told = report.json_of(results) + "".join(map(report.text_of, results))
    assert not [secret for secret in SECRETS if secret in told]


@pytest.mark.parametrize(("started", "name", "line"), [(n, n, line) for n, line in MENDED], indirect=["started"])
def test_what_is_printed_mends_it(
    started: Started, name: str, line: str, use: Callable[[RedisAddress], None], tmp_path: Path
) -> None:
    _mend(result_of(line), started, typed=CASES[name].typed, folder=tmp_path)
    use(_with_new_password(started.address, folder=tmp_path))
    assert result_of(line).state is PASS
    started.restart()
    assert result_of(line).state is PASS, "it holds after a restart"


def _mend(result: Result, started: Started, *, typed: str, folder: Path) -> None:
    (verdict,) = result.verdicts
    assert verdict.state is FAIL
    assert verdict.mend
    here = [command for command in verdict.mend if not command.startswith("systemctl ")]
    run_commands(here, folder=folder, typed=f"{typed}\n")
    if len(here) < len(verdict.mend):
        started.restart()


def _with_new_password(address: RedisAddress, *, folder: Path) -> RedisAddress:
    made = folder / DEFAULT_FILE
    return replace(address, password=made.read_text().strip()) if made.exists() else address
