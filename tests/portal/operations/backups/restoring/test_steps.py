"""The printed steps do what they say, and the facts that they are made of are asked or read."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import redis

from portal.operations.backups.restoring.errors import CannotRestore
from portal.operations.backups.restoring.offline import carry_out, verify
from portal.operations.backups.restoring.server_files import ServerFiles, ask_files, look_into, read_configuration
from portal.operations.backups.restoring.steps import plan
from tests.portal.operations.backups.restoring.stopped import KEEPING, NOW, Backup, Site, measured
from tests.portal.operations.backups.servers import PROGRAMS, REDIS, filled, running, state_of
from tests.servers import wait_until

pytestmark = pytest.mark.server


@pytest.fixture(params=KEEPING)
def options(request: pytest.FixtureRequest) -> Sequence[str]:
    """How a server keeps its data: by a dump, or by an AOF."""
    return KEEPING[request.param]


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> str:
    """Debian's Redis, and Valkey."""
    return PROGRAMS[request.param]


@pytest.fixture
def backup(program: str, tmp_path: Path) -> Backup:
    """A backup of a server of that program that holds something of everything."""
    with Site(program, tmp_path / "origin").up() as client:
        state = state_of(filled(client))
        client.save()
    return Backup(Path(shutil.copy(tmp_path / "origin" / "dump.rdb", tmp_path / "plain.rdb")), state)


def test_the_printed_steps_do_what_they_say(
    program: str, options: Sequence[str], backup: Backup, tmp_path: Path
) -> None:
    plain, state = backup.plain, backup.state
    site = Site(program, tmp_path / "a site", options)
    server = subprocess.Popen([program, *start_arguments(site)], stdout=subprocess.DEVNULL)
    with redis.Redis.from_url(f"unix://{site.folder}/s.sock") as client:
        wait_until(lambda: answers(client), what="server")
        client.set("of today", 1)
        steps = plan(ask_files(client), plain=plain, keys=119, now=NOW)
        for step in steps:
            if "Start it" in step.words:
                assert server.wait(timeout=30) == 0
                server = subprocess.Popen([program, *start_arguments(site)], stdout=subprocess.DEVNULL)
                wait_until(lambda: answers(client), what="server")
            else:
                said = run(step.command)
                if "Compare" in step.words:
                    assert "rdb_last_load_keys_loaded:119" in said
        verify(client, expected=measured(plain), plain=plain)
        found = {name: told["keys"] for name, told in client.info("keyspace").items()}
        assert found == {name: len(keys) for name, keys in state.items() if name.startswith("db")}
    server.terminate()
    server.wait()


def test_the_steps_for_an_old_server_with_aof_start_it_without(tmp_path: Path) -> None:
    files = ServerFiles(folder=tmp_path, has_aof=True, engine="redis", version="6.2.14", port=6379)
    commands = [step.command for step in plan(files, plain=tmp_path / "plain.rdb", keys=1, now=NOW)]
    assert any("--appendonly no" in command for command in commands)
    assert any("CONFIG SET appendonly yes" in command for command in commands)
    (tmp_path / "plain.rdb").write_bytes(b"REDIS0009")
    with pytest.raises(CannotRestore, match="Follow the printed steps"):
        carry_out(tmp_path / "plain.rdb", files=files, now=NOW)


def test_a_supervised_server_is_stopped_by_its_supervisor(tmp_path: Path) -> None:
    files = ServerFiles(folder=tmp_path, has_aof=True, is_running=True, supervisor="systemd", replicas=2)
    steps = plan(files, plain=tmp_path / "plain.rdb", keys=1, now=NOW)
    commands = [step.command for step in steps]
    assert "systemctl stop redis-server" in commands
    assert "systemctl start redis-server" in commands
    assert "Sentinels" in steps[0].words


def test_a_configuration_tells_where_the_files_are(tmp_path: Path) -> None:
    (tmp_path / "more.conf").write_text('appenddirname "my aof"\nappendonly yes\n')
    (tmp_path / "redis.conf").write_text(
        f'# a comment\ndir "{tmp_path}"\nport 7000\nappendonly no\ninclude {tmp_path}/more.conf\nsupervised systemd\n'
    )
    files = read_configuration(tmp_path / "redis.conf", engine="redis", version="7.0.15")
    assert (files.folder, files.has_aof, files.port, files.supervisor) == (tmp_path, True, 7000, "systemd")
    assert (files.dump, files.aof_folder) == (tmp_path / "dump.rdb", tmp_path / "my aof")


def test_a_configuration_without_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "redis.conf").write_text("dir ./\n")
    with pytest.raises(CannotRestore, match="Name the folder"):
        read_configuration(tmp_path / "redis.conf")


def test_a_stopped_servers_folder_tells_its_version_and_its_aof(
    program: str, options: Sequence[str], tmp_path: Path
) -> None:
    with Site(program, tmp_path / "site", options).up() as client:
        client.set("a", 1)
        client.save()
        told = ask_files(client)
    seen = look_into(told.folder)
    assert (seen.engine, seen.version, seen.has_aof) == (told.engine, told.version, told.has_aof)


def test_a_server_that_forbids_config_asks_for_its_folder(tmp_path: Path) -> None:
    with running(tmp_path, program=REDIS) as server, redis.Redis.from_url(server.url) as client:
        client.acl_setuser("default", enabled=True, nopass=True, commands=["-config"])
        with pytest.raises(CannotRestore, match="Name its configuration file or its folder"):
            ask_files(client)


def start_arguments(site: Site) -> list[str]:
    site.folder.mkdir(exist_ok=True)
    return [*("--port", "0", "--unixsocket", f"{site.folder}/s.sock", "--dir", str(site.folder)), *site.options]


def answers(client: Any) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def run(command: str) -> str:
    """Run a printed command; Valkey's client is Redis's under another name."""
    if not command:
        return ""
    command = command.replace("valkey-cli", "redis-cli")
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True).stdout
