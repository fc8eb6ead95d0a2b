"""One look at a real server."""

import os
import signal
import time

import pytest
import redis
from django.utils import timezone
from pytest_django import Settings

from portal.operations.inspecting.look import ServerPage, ask_again, look_at
from portal.operations.inspecting.refused import refused
from portal.redis_address import parse_redis_address

from .conftest import PROGRAMS, Start

pytestmark = pytest.mark.server
REDIS = PROGRAMS["redis-7.0"]


def look(place: str, *, source: str = "redis, limits, broker") -> ServerPage:
    return look_at(place, source=source, holds_counters=True, now=timezone.now())


def as_user(settings: Settings, place: str, *, password: str = "word") -> None:
    settings.REDIS = parse_redis_address(f"redis://narrow:{password}@{place}/0")


def test_all_parts_are_told(client: redis.Redis, place: str) -> None:
    client.set("user:1", "s3cret")
    client.client_setname("<b>web")
    page = look(place)
    assert not page.failure
    assert {"Memory", "Clients", "Statistics", "Persistence", "Replication", "CPU"} <= {
        card.title for card in page.cards.found or ()
    }
    assert [(each.number, each.keys) for each in page.databases.found or ()] == [(0, 1), (1, 0), (2, 0)]
    assert page.latency
    assert page.latency.pings.found
    assert page.latency.pings.found.number == 10
    assert ("SET", "user:") in [(slow.command, slow.prefix) for slow in page.slow_log.found or ()]
    assert page.clients.found
    assert "<b>web" in [group.name for group in page.clients.found.groups]
    assert page.set is None
    assert "s3cret" not in repr(page)


def test_a_server_that_notes_no_latency_is_told_how(client: redis.Redis, place: str) -> None:
    latency = look(place).latency
    assert latency
    assert "CONFIG SET latency-monitor-threshold 100" in latency.note
    client.config_set("latency-monitor-threshold", 1)
    again = look(place).latency
    assert again
    assert again.note == ""


def test_what_the_user_may_not_is_told_in_its_place(client: redis.Redis, place: str, settings: Settings) -> None:
    client.execute_command("ACL", "SETUSER", "narrow", "on", ">word", "-@all", "+info", "+ping")
    as_user(settings, place)
    page = look(place, source="redis")
    assert page.cards.found
    assert page.slow_log.failure == "Not permitted to this site’s user: +slowlog|get"
    assert page.clients.failure == "Not permitted to this site’s user: +client|list"
    assert page.latency
    assert page.latency.events.failure == "Not permitted to this site’s user: +latency|latest"
    assert page.latency.pings.found


def test_what_was_refused_is_not_asked_again_until_somebody_wants_it(
    client: redis.Redis, place: str, settings: Settings
) -> None:
    client.execute_command("ACL", "SETUSER", "narrow", "on", ">word", "-@all", "+info", "+ping")
    as_user(settings, place)
    first = look(place, source="redis")
    before = client.info("errorstats")
    assert look(place, source="redis").slow_log == first.slow_log
    assert client.info("errorstats") == before
    client.execute_command("ACL", "SETUSER", "narrow", "+slowlog|get")
    ask_again(place, source="redis")
    assert look(place, source="redis").slow_log.found is not None


def test_refusals_are_forgotten_by_and_by(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(refused, "_clock", lambda: now)
    refused.note("@place", right="+info", words="No.")
    assert refused.words("@place", right="+info") == "No."
    now = 601.0
    assert refused.words("@place", right="+info") == ""


def test_a_user_without_info_gets_the_rest(client: redis.Redis, place: str, settings: Settings) -> None:
    client.execute_command("ACL", "SETUSER", "narrow", "on", ">word", "-@all", "+slowlog|get")
    as_user(settings, place)
    page = look(place, source="redis")
    assert page.cards.failure == page.databases.failure == "Not permitted to this site’s user: +info"
    assert page.slow_log.found
    assert not page.failure


def test_a_wrong_password_is_told_without_it(client: redis.Redis, place: str, settings: Settings) -> None:
    as_user(settings, place, password="wr0ng")
    page = look(place, source="redis")
    assert page.failure == "It does not accept the user and password of this site’s settings."
    assert "wr0ng" not in repr(page)


def test_renamed_commands_are_told_in_their_place(start: Start) -> None:
    renamed = [word for name in ("SLOWLOG", "CLIENT", "CONFIG", "LATENCY") for word in ("--rename-command", name, "")]
    server = start(REDIS, *renamed)
    page = look(server.url.removeprefix("redis://"))
    assert page.cards.found
    assert page.slow_log.failure == "The server knows no SLOWLOG GET: it was renamed or taken out there."
    assert "CLIENT LIST" in page.clients.failure


def test_a_server_without_config_cannot_tell_of_its_threshold(start: Start) -> None:
    server = start(REDIS, "--rename-command", "CONFIG", "")
    latency = look(server.url.removeprefix("redis://")).latency
    assert latency
    assert latency.note.startswith("Whether it notes slow events cannot be told.")


def test_a_server_that_hangs_costs_little(start: Start, program: str) -> None:
    server = start(program)
    os.kill(server.process.pid, signal.SIGSTOP)
    began = time.monotonic()
    page = look(server.url.removeprefix("redis://"))
    took = time.monotonic() - began
    os.kill(server.process.pid, signal.SIGCONT)
    assert page.failure.startswith("It did not answer within 0.5 s")
    assert took < 5


def test_a_server_that_is_gone_is_told(start: Start) -> None:
    server = start(REDIS)
    server.stop()
    assert look(server.url.removeprefix("redis://")).failure == "It refuses connections: see whether it runs."


def test_what_is_no_server_of_ours_is_not_asked(client: redis.Redis, settings: Settings) -> None:
    settings.REDIS = parse_redis_address("redis+sentinel://127.0.0.1:1,127.0.0.1:2/main/0")
    told = "This is no single server that this site’s settings lead to, so it is not asked."
    assert look(settings.REDIS.place, source="redis").failure == told
    assert look("127.0.0.1:6379", source="elsewhere").failure == told
    assert look("nonsense", source="redis").failure == told
