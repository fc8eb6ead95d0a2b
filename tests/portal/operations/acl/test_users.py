"""Which users there are for which servers, and what none of them may."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.operations.acl.servers import Part, ServerFacts, SiteServer, site_servers
from portal.operations.acl.users import APP, BACKUP, CELERY, MONITOR, REPLICA, RESTORE, SENTINEL, UNSET, users_for
from portal.redis_address import RedisAddress, parse_redis_address

REDIS_7, REDIS_8 = ServerFacts("redis", "7.0.15", answered=True), ServerFacts("redis", "8.0.1", answered=True)
VALKEY_7, VALKEY_9 = ServerFacts("valkey", "7.2.5", answered=True), ServerFacts("valkey", "9.1.2", answered=True)
ADDRESSES = (
    "unix:///run/redis.sock?db=3",
    "redis://one:6379/0",
    "rediss://two:6379/4",
    "redis+sentinel://a:1,b:2/main/0",
    "redis+cluster://a:7000,b:7001",
)
PARTS = [(Part.CACHE,), (Part.COUNTERS,), (Part.BROKER,), (Part.CACHE, Part.COUNTERS), tuple(Part)]
DANGEROUS = (
    *("flushall", "keys", "shutdown", "debug", "monitor", "migrate", "module", "save", "bgsave", "bgrewriteaof"),
    *("config", "config|set", "config|get", "client", "client|kill", "cluster", "cluster|reset", "acl", "acl|setuser"),
    *(
        "acl|list",
        "acl|getuser",
        "script|flush",
        "function",
        "function|load",
        "function|flush",
        "sort",
        "randomkey",
        "sync",
    ),
)

servers = st.builds(
    lambda address, parts: SiteServer(tuple((part, parse_redis_address(address)) for part in parts)),
    st.sampled_from(ADDRESSES),
    st.sampled_from(PARTS),
)
facts = st.sampled_from([REDIS_7, REDIS_8, VALKEY_7, VALKEY_9, ServerFacts()])


def one(address: str = "redis://one:6379/0", *parts: Part) -> SiteServer:
    return SiteServer(tuple((part, parse_redis_address(address)) for part in parts or tuple(Part)))


def rules(server: SiteServer, name: str, *, facts: ServerFacts = REDIS_7) -> str:
    (user,) = (user for user in users_for(server, facts=facts) if user.name == name)
    return " ".join(user.rules)


def names(server: SiteServer, *, facts: ServerFacts = REDIS_7) -> list[str]:
    return [user.name for user in users_for(server, facts=facts)]


@given(servers, facts)
def test_no_user_gets_whole_categories_or_dangerous_commands(server: SiteServer, facts: ServerFacts) -> None:
    for user in users_for(server, facts=facts):
        words = " ".join(user.rules).replace("(", " ").replace(")", " ").split()
        assert not [word for word in words if word.startswith("+@")]
        forbidden = set(DANGEROUS) - ({"client|kill"} if user.name == SENTINEL else set())
        assert not forbidden & {word[1:] for word in words if word.startswith("+")}


@given(servers, facts)
def test_only_a_restore_writes_every_key_and_only_a_backup_reads_every_one(
    server: SiteServer, facts: ServerFacts
) -> None:
    for user in users_for(server, facts=facts):
        assert ("~*" in user.allowed.keys) == (user.name == RESTORE)
        assert ("%R~*" in user.allowed.keys) == (user.name == BACKUP)
        assert "&*" not in user.allowed.channels


@given(servers, facts)
def test_a_selector_for_every_key_reads_no_value(server: SiteServer, facts: ServerFacts) -> None:
    for user in users_for(server, facts=facts):
        for selector in user.selectors:
            reads = {"get", "mget", "hget", "hmget", "dump", "llen", "zrange", "eval", "evalsha", "object|encoding"}
            assert not ("%R~*" in selector.keys and reads & set(selector.commands))


@given(servers, facts)
def test_everybody_is_told_apart_by_a_line_that_says_why(server: SiteServer, facts: ServerFacts) -> None:
    users = users_for(server, facts=facts)
    assert len({user.name for user in users}) == len(users)
    assert all(user.why and "\n" not in user.why for user in users)
    assert all(re.fullmatch(r"ACL SETUSER portal-\w+ reset on \S+ [^\n]+", user.command("secret")) for user in users)


def test_each_server_gets_the_users_of_what_is_kept_there() -> None:
    assert names(one()) == [APP, CELERY, BACKUP, RESTORE, MONITOR]
    assert names(one("redis://one:6379/0", Part.COUNTERS)) == [APP, BACKUP, RESTORE, MONITOR]
    assert names(one("redis://one:6379/0", Part.BROKER)) == [CELERY, MONITOR]
    assert names(one("redis+sentinel://a:1/main/0")) == [APP, CELERY, BACKUP, RESTORE, MONITOR, REPLICA, SENTINEL]
    replicated = ServerFacts("redis", "7.0.15", has_replicas=True, answered=True)
    assert names(one(), facts=replicated)[-1] == REPLICA


def test_the_application_has_the_keys_of_what_is_kept_there_alone() -> None:
    assert "~rl:* ~limits:* ~:* " in rules(one(), APP)
    assert "~:*" not in rules(one("redis://one:6379/0", Part.COUNTERS), APP)
    assert "~rl:*" not in rules(one("redis://one:6379/0", Part.CACHE), APP)


@pytest.mark.parametrize(
    ("facts", "knows"), [(REDIS_7, False), (ServerFacts(), False), (REDIS_8, True), (VALKEY_7, True), (VALKEY_9, True)]
)
def test_only_a_server_that_knows_a_command_is_told_of_it(facts: ServerFacts, knows: bool) -> None:
    assert all(("+client|setinfo" in rules(one(), name, facts=facts)) is knows for name in names(one()))


def test_a_valkey_that_can_keeps_users_within_their_databases() -> None:
    assert "resetdbs db=0 ~rl:*" in rules(one(), APP, facts=VALKEY_9)
    assert "db=" not in rules(one(), APP, facts=VALKEY_7) + rules(one(), APP, facts=REDIS_8)
    assert "db=" not in rules(one("redis+cluster://a:1"), APP, facts=VALKEY_9)
    assert "db=" not in rules(one(), RESTORE, facts=VALKEY_9) + rules(one(), MONITOR, facts=VALKEY_9)


def test_a_cluster_has_no_databases_to_exchange() -> None:
    assert "swapdb" not in rules(one("redis+cluster://a:1", Part.CACHE), RESTORE)
    assert "+swapdb" in rules(one(), RESTORE)
    assert "+cluster|slots" in rules(one("redis+cluster://a:1", Part.CACHE), APP)


def test_celery_hears_the_channels_of_its_database() -> None:
    assert "&/3.celery.pidbox " in rules(one("unix:///run/redis.sock?db=3"), CELERY)


def test_a_password_goes_out_as_its_digest_and_none_as_what_no_server_takes() -> None:
    user = users_for(one(), facts=REDIS_7)[0]
    assert f" #{hashlib.sha256(b'secret').hexdigest()} " in user.command("secret")
    assert "secret" not in user.command("secret") + user.file_line("secret")
    assert f" {UNSET} " in user.command()
    assert user.file_line("x").startswith("user portal-app on #")


def test_addresses_of_one_server_are_one_whoever_asks() -> None:
    def address(text: str) -> RedisAddress:
        return parse_redis_address(text)

    cache, other = address("redis://one:1/0"), address("redis://two:1/0")
    mixed = site_servers(cache=cache, counters=address("redis://somebody:x@one:1/1"), broker=other)
    assert [server.parts for server in mixed] == [(Part.CACHE, Part.COUNTERS), (Part.BROKER,)]
    assert [server.place for server in mixed] == ["one:1", "two:1"]
    assert [server.has_data for server in mixed] == [True, False]
