"""On real servers: what each user may, and what it is refused."""

from contextlib import closing

import pytest
import redis

from portal.operations.acl.users import APP, BACKUP, CELERY, MONITOR, RESTORE, UNSET
from tests.portal.operations.acl.guarding import Guarded, tell

pytestmark = pytest.mark.server

USERS = (APP, CELERY, BACKUP, RESTORE, MONITOR)
NEVER = (
    *("FLUSHALL", "KEYS *", "RANDOMKEY", "CONFIG GET *", "CONFIG SET maxmemory 1", "CONFIG REWRITE", "SHUTDOWN NOSAVE"),
    *("DEBUG SLEEP 0", "MONITOR", "ACL LIST", "ACL SETUSER nobody", "ACL LOG", "REPLICAOF NO ONE", "MODULE LIST"),
    *("CLIENT KILL TYPE normal", "CLIENT PAUSE 1", "SCRIPT FLUSH", "FUNCTION FLUSH", "SAVE", "BGSAVE", "BGREWRITEAOF"),
    *("SLOWLOG RESET", "LATENCY RESET", "SORT text", "MIGRATE h 1 k 0 1"),
)
SECRET = "secret:of:somebody"


@pytest.mark.parametrize("user", USERS)
def test_nobody_may_what_harms_everybody(guarded: Guarded, user: str) -> None:
    assert [command for command in NEVER if guarded.may(user, *command.split())] == []


def test_nobody_may_anything_without_a_password(guarded: Guarded) -> None:
    with closing(redis.Redis.from_url(guarded.place.url)) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


@pytest.mark.parametrize("user", [APP, CELERY, MONITOR])
def test_keys_of_others_are_not_read_nor_written(guarded: Guarded, user: str) -> None:
    number = 2 if user == CELERY else 1
    with closing(guarded.client(user, number)) as client:
        for command in (("GET", SECRET), ("SET", SECRET, "1"), ("DEL", SECRET), ("DUMP", SECRET)):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command)
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command("FLUSHDB")


def test_a_script_reads_no_more_than_who_sends_it(guarded: Guarded) -> None:
    with closing(guarded.client(APP)) as client, pytest.raises(redis.ResponseError, match=r"permission|access"):
        client.eval(f"return redis.call('GET', '{SECRET}')", 0)


def test_celery_and_the_application_keep_off_each_other_s_keys(guarded: Guarded) -> None:
    assert not guarded.may(CELERY, "GET", "rl:{login:203.0.113.9}:60")
    assert not guarded.may(CELERY, "HGET", "limits:{policies}", "document")
    assert not guarded.may(APP, "LPUSH", "celery", "a job")
    assert not guarded.may(APP, "PUBLISH", "/2.celery.pidbox", "shutdown")


def test_celery_hears_its_own_channels_and_no_others(guarded: Guarded) -> None:
    for heard in ("/2.celery.pidbox", "/2.celeryev/*", "/2.celeryev/worker.*"):
        assert guarded.may(CELERY, "PSUBSCRIBE", heard)
    for not_heard in ("*", "/0.celery.pidbox", "__keyspace@0__:*"):
        assert not guarded.may(CELERY, "PSUBSCRIBE", not_heard)


def test_a_backup_changes_nothing(guarded: Guarded) -> None:
    writing = (("SET", "a", "1"), ("DEL", "a"), ("RESTORE", "a", "0", "x"), ("EXPIRE", "a", "1"), ("FLUSHDB",))
    assert not [command for command in writing if guarded.may(BACKUP, *command)]


def test_watching_sees_names_and_sizes_and_no_value(guarded: Guarded) -> None:
    for user in (MONITOR, APP):
        with closing(guarded.client(user)) as client:
            client.type(SECRET)
            client.memory_usage(SECRET)
            client.pttl(SECRET)
            client.scan()
            client.info()
            client.slowlog_get()
            client.latency_latest()
            client.execute_command("LATENCY HISTORY command")
            client.client_list()
            client.execute_command("ACL WHOAMI")
            client.acl_dryrun(APP, "FLUSHALL")
            client.execute_command("ROLE")
    assert guarded.refused() == []
    assert not guarded.may(MONITOR, "GET", "rl:{login:203.0.113.9}:60")
    assert not guarded.may(MONITOR, "DUMP", SECRET)


def test_watching_reads_whether_the_policies_are_in_step(guarded: Guarded) -> None:
    assert guarded.may(MONITOR, "HMGET", "limits:{policies}", "version")
    assert guarded.may(MONITOR, "LLEN", "celery")
    assert not guarded.may(MONITOR, "HSET", "limits:{policies}", "version", "1")
    assert not guarded.may(MONITOR, "HGETALL", "limits:{tallies}:1")


def test_where_the_server_can_a_user_stays_in_the_databases_of_its_part(guarded: Guarded) -> None:
    if guarded.document["servers"][0]["engine"] != "valkey":
        return
    with closing(guarded.client(APP, 7)) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.set("rl:{login:203.0.113.9}:60", 1)


def test_a_line_without_a_password_makes_no_user(guarded: Guarded) -> None:
    where = guarded.address("admin")
    line = guarded.users[APP]["command"].replace("portal-app", "somebody")
    digest = line.split()[5]
    (said, *_) = tell(where, ["AUTH admin admin", line.replace(digest, UNSET)])[1:]
    assert "password hash must be exactly 64 characters" in said
    with closing(guarded.client("admin")) as admin:
        assert "somebody" not in admin.acl_users()
