"""Servers that are away, odd, or reached in other ways; and lines that fail themselves."""

import os
import shlex
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from django.db import DatabaseError
from pytest_django import Settings

from portal.operations.acl.servers import ServerFacts, site_servers
from portal.operations.acl.users import APP, CELERY, users_for
from portal.operations.checklist import report, versions
from portal.operations.checklist.access import LINES as ACCESS
from portal.operations.checklist.lines import LINES, lines_of
from portal.operations.checklist.run import run
from portal.operations.checklist.values import Line, State, passed
from portal.operations.checklist.values import result_of as read_back
from portal.redis_address import RedisAddress, parse_redis_address
from tests.portal.operations.backups.taking.hostile import Answer, bulk, hostile
from tests.servers import free_port, wait_until

from .conftest import result_of
from .servers import PASSWORD, SOUND, Started, make_certificate, run_commands, start, start_tls

PASS, FAIL, UNKNOWN = State.PASS, State.FAIL, State.UNKNOWN
SERVER_LINES = tuple(line for line in LINES if line.subject not in ("Limiter", "Site", "Backups", "Alerts"))
Use = Callable[[RedisAddress], None]
Keep = Callable[[Started], Started]


def test_a_server_that_is_away_fails_once_and_stops_nothing(use: Use) -> None:
    use(parse_redis_address(f"redis://127.0.0.1:{free_port()}"))
    states = {result.id: result.state for result in run(SERVER_LINES)}
    assert states.pop("reach") is FAIL
    assert states.pop("client-library") is PASS
    assert states.pop("tls") is PASS
    assert states.pop("quorum") is PASS
    assert set(states.values()) == {UNKNOWN}


@pytest.mark.server
def test_a_server_that_hangs_is_waited_for_once(use: Use, keep: Keep, start_in: Path) -> None:
    started = keep(start(start_in, *SOUND))
    use(started.address)
    os.kill(started.server.process.pid, signal.SIGSTOP)
    try:
        states = [result.state for result in run(lines_of(ids=("reach", "maxmemory", "eviction", "saves")))]
    finally:
        os.kill(started.server.process.pid, signal.SIGCONT)
    assert states == [FAIL, UNKNOWN, UNKNOWN, UNKNOWN]


@pytest.mark.server
def test_a_wrong_password_is_told_without_it(use: Use, keep: Keep, start_in: Path) -> None:
    started = keep(start(start_in, *SOUND, f"requirepass {PASSWORD}"))
    use(replace(started.address, password="not-the-right-one"))
    result = result_of("reach")
    assert result.state is FAIL
    assert "does not accept the user and password" in result.verdicts[0].found
    assert "not-the-right-one" not in report.text_of(result)


@pytest.mark.server
def test_a_private_unix_socket_needs_no_password(use: Use, keep: Keep, start_in: Path) -> None:
    use(keep(start(start_in, *SOUND[1:], "unixsocketperm 700", socket=str(start_in / "redis.sock"))).address)
    states = {result.id: result.state for result in run(SERVER_LINES)}
    assert {line.id for line in SERVER_LINES if states[line.id] is FAIL} == {"dangerous-commands"}


@pytest.mark.server
def test_a_unix_socket_that_others_may_open_is_no_guard(use: Use, keep: Keep, start_in: Path) -> None:
    started = keep(start(start_in, *SOUND[1:], "unixsocketperm 777", socket=str(start_in / "redis.sock")))
    use(started.address)
    assert [result_of(line).state for line in ("password", "default-user", "bind")] == [FAIL] * 3
    start_in.chmod(0o700)
    assert [result_of(line).state for line in ("password", "default-user", "bind")] == [PASS] * 3


@pytest.mark.server
def test_a_private_unix_socket_is_no_guard_for_a_port_beside_it(use: Use, keep: Keep, start_in: Path) -> None:
    place = str(start_in / "redis.sock")
    started = keep(start(start_in, *SOUND, "unixsocketperm 700", socket=place))
    use(started.address)
    assert [result_of(line).state for line in ("password", "default-user")] == [PASS, PASS]
    with (start_in / "redis.conf").open("a") as file:
        file.write(f"port {free_port()}\n")
    started.restart()
    assert [result_of(line).state for line in ("password", "default-user", "bind")] == [FAIL, FAIL, PASS]


@pytest.mark.server
def test_a_unix_socket_that_others_may_open_is_closed_by_what_is_printed(use: Use, keep: Keep, start_in: Path) -> None:
    started = keep(start(start_in, *SOUND[1:], "unixsocketperm 777", socket=str(start_in / "redis.sock")))
    use(started.address)
    run_commands(result_of("bind").verdicts[0].mend, folder=start_in)
    assert result_of("bind").state is PASS


@pytest.mark.server
def test_a_certificate_that_ends_soon_fails(
    use: Use, keep: Keep, start_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = keep(start_tls(start_in, *SOUND))
    monkeypatch.setenv("SSL_CERT_FILE", str(start_in / "redis.crt"))
    use(started.address)
    assert result_of("tls").state is PASS
    make_certificate(start_in, days=3)
    started.restart()
    assert result_of("tls").state is FAIL


@pytest.mark.server
def test_a_plain_port_beside_tls_fails(use: Use, keep: Keep, start_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = keep(start_tls(start_in, "bind 0.0.0.0", f"port {free_port()}"))
    monkeypatch.setenv("SSL_CERT_FILE", str(start_in / "redis.crt"))
    use(started.address)
    assert result_of("tls").state is FAIL


def test_a_remote_server_without_tls_fails(use: Use) -> None:
    use(parse_redis_address(f"redis://192.0.2.1:{free_port()}"))
    result = result_of("tls")
    assert result.state is FAIL
    assert "rediss://" in result.verdicts[0].advice


@pytest.mark.server
def test_a_snapshot_that_failed_fails_and_one_that_succeeds_mends_it(use: Use, keep: Keep, start_in: Path) -> None:
    started = keep(start(start_in, "bind 127.0.0.1", "save 3600 1"))
    use(started.address)
    # A folder in the way of the file, which root cannot write to either.
    (start_in / "dump.rdb").mkdir()
    with redis.Redis(port=started.address.hosts[0][1]) as client:
        client.bgsave()
        wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", what="a failed save")
        result = result_of("saves")
        assert (result.state, result.verdicts[0].mend[-1].split()[-1]) == (FAIL, "BGSAVE")
        (start_in / "dump.rdb").rmdir()
        client.bgsave()
        wait_until(lambda: result_of("saves").state is PASS, what="a good save")


@pytest.mark.server
def test_only_a_cache_may_throw_keys_away_and_forget(
    settings: Settings, use: Use, keep: Keep, start_in: Path, tmp_path: Path
) -> None:
    use(keep(start(start_in, *SOUND)).address)
    cache = keep(start(tmp_path / "cache", "bind 127.0.0.1", "maxmemory-policy allkeys-lru", 'save ""'))
    settings.REDIS = cache.address
    assert [result_of(line).state for line in ("eviction", "persistence")] == [PASS, PASS]
    assert len(result_of("eviction").verdicts) == 2


@pytest.mark.server
def test_each_user_that_the_site_logs_in_as_is_judged(settings: Settings, use: Use, keep: Keep, start_in: Path) -> None:
    users = (
        "user default off",
        "user app on >apps-password ~* -@all +get +ping +info",
        "user jobs on >jobs-password ~* +@all",
    )
    address = keep(start(start_in, *SOUND, *users, user="app", password="apps-password")).address
    use(address)
    assert result_of("dangerous-commands").state is PASS
    settings.BROKER = replace(address, user="jobs", password="jobs-password")
    states = [verdict.state for verdict in result_of("dangerous-commands").verdicts]
    assert sorted(states) == [FAIL, PASS]


def test_a_line_that_fails_itself_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(context: object) -> list[object]:
        raise ZeroDivisionError("secret words of an error")

    def no_database(context: object) -> list[object]:
        raise DatabaseError

    lines = [
        Line("broken", "Odd", "Broken", "why", broken),  # type: ignore[arg-type]
        Line("database", "Odd", "Database", "why", no_database),  # type: ignore[arg-type]
        Line("well", "Odd", "Well", "why", lambda context: [passed("fine")]),
    ]
    results = list(run(lines))
    assert [result.state for result in results] == [UNKNOWN, UNKNOWN, PASS]
    assert "secret words" not in report.json_of(results)


def test_a_secret_in_what_was_found_is_hidden(use: Use) -> None:
    use(parse_redis_address(f"redis://:{PASSWORD}@127.0.0.1:1"))
    line = Line("tells", "Odd", "Tells", "why", lambda context: [passed(f"the password is {PASSWORD}\x1b[2J")])
    (result,) = run([line])
    assert result.verdicts[0].found == "the password is •••\\x1b[2J"


def test_results_are_read_back_as_they_were_written(use: Use) -> None:
    use(parse_redis_address(f"redis://127.0.0.1:{free_port()}"))
    results = list(run(SERVER_LINES))
    assert [read_back(result.as_dict()) for result in results] == results


def test_a_client_library_without_its_fast_reader_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_version_of", lambda package: "")
    assert result_of("client-library").verdicts[0].mend == ("pip install 'redis[hiredis]'",)


def test_lines_have_names_of_their_own() -> None:
    assert len({line.id for line in LINES}) == len(LINES)
    assert all(line.why and line.title for line in LINES)
    assert ACCESS[0] in LINES


@pytest.mark.server
def test_the_users_of_redis_acl_pass(settings: Settings, use: Use, keep: Keep, start_in: Path) -> None:
    started = keep(start(start_in, *SOUND))
    use(started.address)
    (site,) = site_servers(cache=settings.REDIS, counters=settings.RATELIMIT_STORAGE, broker=settings.BROKER)
    with redis.Redis(port=started.address.hosts[0][1]) as client:
        for user in users_for(site, facts=ServerFacts("redis", "7.0.15")):
            client.execute_command(*shlex.split(user.command(f"password-of-{user.name}")))
        client.execute_command("ACL", "SETUSER", "default", "off")
    use(replace(started.address, user=APP, password=f"password-of-{APP}"))
    settings.BROKER = replace(settings.BROKER, user=CELERY, password=f"password-of-{CELERY}")
    results = list(run(SERVER_LINES))
    with redis.Redis.from_url(settings.REDIS.url) as app:
        assert "errorstat_NOPERM" not in app.info("errorstats"), "it raises no alert"
    assert not [report.text_of(result) for result in results if result.state is FAIL]
    assert {result.id for result in results if result.state is UNKNOWN} == {
        *("default-user", "bind", "protected-mode", "firewall", "version")
    }


EVIL = "x; touch owned $(touch owned) `touch owned`\ntouch owned #'"


def test_what_a_cluster_says_of_itself_is_run_by_no_shell(settings: Settings, tmp_path: Path) -> None:
    answers: dict[str, Answer] = {
        "CLUSTER MYID": bulk(EVIL.encode()),
        "INFO": bulk(b"role:master\r\nconnected_slaves:0\r\n"),
    }
    with hostile(answers) as url:
        settings.REDIS = settings.RATELIMIT_STORAGE = parse_redis_address(url.replace("redis:", "redis+cluster:"))
        settings.BROKER = parse_redis_address(url)
        host, port = settings.REDIS.hosts[0]
        answers["CLUSTER SLOTS"] = b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n%b:%d\r\n" % (bulk(host.encode()), port)
        verdict = next(each for each in result_of("replication").verdicts if each.mend)
    for command in verdict.mend:
        harmless = command.replace("redis-cli", "echo")
        subprocess.run(["bash", "-c", harmless], cwd=tmp_path, stdin=subprocess.DEVNULL, check=False)
    assert "--cluster-master-id" in verdict.mend[-1]
    assert not list(tmp_path.iterdir())


def test_a_port_that_is_no_number_is_in_no_command(settings: Settings, tmp_path: Path) -> None:
    told = b"*4\r\n" + b"".join(map(bulk, (b"port", EVIL.encode(), b"bind", b"*")))
    place = tmp_path / "redis.sock"
    with hostile({"CONFIG GET": told}, socket_path=place):
        settings.REDIS = settings.RATELIMIT_STORAGE = settings.BROKER = RedisAddress(
            kind="unix", socket_path=str(place)
        )
        verdicts = result_of("firewall").verdicts
    assert not [command for verdict in verdicts for command in verdict.mend]
