"""The slow log is read live where the server tells it, and a server that does not is left alone for a while."""

import pytest
import redis
from django.conf import settings
from pytest_django import Settings

from portal.operations.dashboard.slow_log import ENTRIES_MAX, SlowLogs
from portal.redis_address import parse_redis_address
from tests.conftest import Clock
from tests.portal.operations.backups.taking.hostile import bulk, hostile

from .making import seen


def here(**fields: str) -> object:
    return seen(settings.RATELIMIT_STORAGE.socket_path, **fields)


@pytest.fixture
def logged(redis_server: redis.Redis) -> redis.Redis:
    """A server that notes every command, and has noted some."""
    redis_server.config_set("slowlog-log-slower-than", 0)
    for number in range(ENTRIES_MAX + 3):
        redis_server.set(f"secret:{number}", "a password")
    yield redis_server
    redis_server.config_set("slowlog-log-slower-than", 10_000)
    redis_server.slowlog_reset()


def test_the_last_ones_are_told_without_what_they_carried(logged: redis.Redis) -> None:
    found = SlowLogs().of(here(), redis_answers=True)
    assert (len(found.entries), found.failure) == (ENTRIES_MAX, "")
    assert "SET secret" in {entry.command.rstrip(":*") for entry in found.entries}
    assert not any("password" in entry.command for entry in found.entries)


@pytest.mark.parametrize(("failure", "redis_answers"), [("timed out", True), ("", False)])
def test_a_server_that_does_not_answer_is_not_asked(failure: str, redis_answers: bool) -> None:
    found = SlowLogs().of(here(failure=failure), redis_answers=redis_answers)
    assert found.failure == "Not asked: Redis does not answer."


def test_a_server_that_is_silent_is_spared_for_a_minute(clock: Clock) -> None:
    logs = SlowLogs(clock=clock)
    silent = logs.of(here(), redis_answers=True).failure
    assert "no such file" in silent
    clock.now += 59
    assert logs.of(here(), redis_answers=True).failure == silent


def test_a_server_is_asked_again_after_that(redis_server: redis.Redis, clock: Clock) -> None:
    logs = SlowLogs(clock=clock)
    assert logs.of(seen("/nowhere.sock"), redis_answers=True).failure
    assert logs.of(here(), redis_answers=True).failure == ""


def test_a_refusal_is_told_and_not_provoked_again(redis_server: redis.Redis, clock: Clock) -> None:
    logs = SlowLogs(clock=clock)
    redis_server.execute_command("ACL", "SETUSER", "default", "-slowlog")
    redis_server.config_resetstat()
    try:
        told = logs.of(here(), redis_answers=True).failure
        clock.now += 3_000
        assert logs.of(here(), redis_answers=True).failure == told
        assert redis_server.info("errorstats")["errorstat_NOPERM"]["count"] == 1
    finally:
        redis_server.execute_command("ACL", "SETUSER", "default", "+slowlog")
        redis_server.config_resetstat()
    assert "+slowlog|get" in told


@pytest.mark.parametrize("at_seconds", [-(2**63), 2**63 - 1])
def test_a_moment_that_no_calendar_has_is_no_error(at_seconds: int, settings: Settings) -> None:
    entry = b"*4\r\n:1\r\n:%d\r\n:5\r\n*1\r\n%b" % (at_seconds, bulk(b"PING"))
    with hostile({"SLOWLOG": b"*1\r\n" + entry}) as url:
        settings.REDIS = parse_redis_address(url)
        found = SlowLogs().of(seen(settings.REDIS.place, source="redis"), redis_answers=True)
    assert [entry.command for entry in found.entries] == ["PING"]
