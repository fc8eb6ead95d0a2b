"""One pass, by whoever does it: one process a slot, nothing of it by broker or Celery, and no part stops the others."""

import io
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import OperationalError
from pytest_django import Settings

from portal.operations import tasks
from portal.operations.models import Alert, AlertEvent, Message, RedisServer, Sample, Turn
from portal.operations.watching import turns, watch
from portal.operations.watching.alerts import judging
from portal.operations.watching.readings import Look
from portal.operations.watching.samples import keeping
from tests.portal.operations.watching.telling.receivers import loads_apprise

pytestmark = [pytest.mark.django_db, loads_apprise]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def command(*arguments: str) -> str:
    """Return what `watch_redis` prints."""
    out = io.StringIO()
    call_command("watch_redis", *arguments, stdout=out)
    return out.getvalue()


def place(redis_server: "redis.Redis[bytes]") -> str:
    return str(redis_server.connection_pool.connection_kwargs["path"])


def test_a_pass_leaves_a_sample_and_a_judgement_of_every_rule(redis_server: "redis.Redis[bytes]") -> None:
    found = watch.watch(clock=lambda: NOW)
    assert found is not None
    assert found.failures == ()
    assert Sample.objects.get().server.place == place(redis_server)
    assert Alert.objects.filter(judged_at=NOW).exists()


def test_two_processes_do_not_look_in_the_same_slot(redis_server: "redis.Redis[bytes]") -> None:
    assert watch.watch(clock=lambda: NOW) is not None
    assert watch.watch(clock=lambda: NOW + timedelta(seconds=14)) is None
    assert watch.watch(clock=lambda: NOW + timedelta(seconds=15)) is not None


def test_the_command_tells_what_it_found(redis_server: "redis.Redis[bytes]") -> None:
    told = command()
    assert place(redis_server) in told
    assert "primary" in told
    assert "No alert is under way." in told


def test_without_redis_the_command_tells_that_it_is_down_and_that_is_no_failure(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["night@example.org"]
    told = command()
    assert "Critical: Redis down" in told
    assert Message.objects.filter(subject__startswith="CRITICAL").exists()


def test_the_command_within_the_slot_of_another_process_tells_how_it_stands(
    redis_server: "redis.Redis[bytes]",
) -> None:
    command()
    assert "Another process looked" in command()


def test_the_command_tells_what_recovers_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    command()
    # As when another process looked within these 15 s.
    monkeypatch.setattr(watch, "watch", lambda: None)
    Alert.objects.filter(rule__condition="down").update(state=Alert.State.RECOVERING, words="It answers.")
    told = command()
    assert "Critical (recovering): Redis down" in told


def test_who_did_not_look_shows_no_life(redis_server: "redis.Redis[bytes]", monkeypatch: pytest.MonkeyPatch) -> None:
    pings: list[str] = []
    monkeypatch.setattr(watch, "show_life", lambda: pings.append("ping"))
    command()
    command()
    assert pings == ["ping"]


def test_beats_job_leaves_the_work_to_who_has_the_turn(redis_server: "redis.Redis[bytes]") -> None:
    tasks.watch_redis()
    looked_at = RedisServer.objects.get().looked_at
    tasks.watch_redis()
    assert RedisServer.objects.get().looked_at == looked_at


def test_samples_that_cannot_be_kept_do_not_keep_rules_from_being_judged(
    redis_server: "redis.Redis[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "keep", lambda look: 1 / 0)
    found = watch.watch(clock=lambda: NOW)
    assert found is not None
    assert found.failures == ("Samples were not kept: ZeroDivisionError.",)
    assert Alert.objects.filter(judged_at=NOW).exists()


def test_what_happened_in_a_pass_that_died_is_told_by_the_next(
    redis_server: "redis.Redis[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(look: Look, *, now: datetime) -> None:
        raise OperationalError("database is locked")

    watch.watch(clock=lambda: NOW)
    RedisServer.objects.update(reading=RedisServer.objects.get().reading | {"role": "replica"})
    with monkeypatch.context() as patched:
        patched.setattr(judging, "judge", dies)
        with pytest.raises(OperationalError):
            watch.watch(clock=lambda: NOW + watch.EVERY)
    watch.watch(clock=lambda: NOW + 2 * watch.EVERY)
    assert Message.objects.filter(subject__endswith="has changed its role").count() == 1


def test_a_pass_that_failed_in_part_ends_the_command_with_one_line(
    redis_server: "redis.Redis[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "judge", lambda look, *, now: 1 / 0)
    with pytest.raises(CommandError, match=r"^Alert rules were not judged: ZeroDivisionError\.$"):
        command()


def test_what_is_old_is_tidied_away_once_in_five_minutes() -> None:
    turns.take(turns.WATCH, now=NOW - timedelta(hours=2), every=watch.EVERY)
    AlertEvent.objects.create(at=NOW - timedelta(days=400), rule_name="x", severity=1, what="firing")
    watch.tidy(clock=lambda: NOW)
    assert not Turn.objects.filter(job=turns.WATCH).exists()
    assert not AlertEvent.objects.exists()
    AlertEvent.objects.create(at=NOW - timedelta(days=400), rule_name="x", severity=1, what="firing")
    watch.tidy(clock=lambda: NOW + timedelta(minutes=4))
    assert AlertEvent.objects.exists()
