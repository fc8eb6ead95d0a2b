"""The site around Redis: backups that can be counted on, the processes of Celery, and the channels themselves."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Min

from portal.operations import heartbeats
from portal.operations.backups import due
from portal.operations.backups.rows import newest_proven
from portal.operations.backups.sources import source_names
from portal.operations.models import Channel, RedisServer
from portal.operations.watching.alerts.conditions.condition import (
    Condition,
    Facts,
    Finding,
    Found,
    Scope,
    well,
    yes_or_no,
)


def _backup_age(facts: Facts) -> Iterable[Finding]:
    for source in source_names():
        yield Finding(source, _age_of_backup(source, now=facts.now))


def _age_of_backup(source: str, *, now: datetime) -> Found:
    newest = newest_proven(source)
    if newest is not None:
        age = _hours(now, newest.began_at)
        words = f"The newest proven backup of all keys was begun {age:.1f} hours ago"
        if newest.began_at >= due.expected_since(due.scheduled_task(), now=now):
            return well(f"{words}, as the schedule says.")
        return Found(age, f"{words}.")
    # A site that was just set up is not late: it counts from the first look.
    first_look = RedisServer.objects.aggregate(at=Min("first_seen_at"))["at"] or now
    age = _hours(now, first_look)
    return Found(age, f"There is no proven backup of all keys; Redis has been watched for {age:.1f} hours.")


def _hours(now: datetime, since: datetime) -> float:
    return max(0.0, (now - since).total_seconds() / 3600)


def _worker_silent(facts: Facts) -> Iterable[Finding]:
    lives = heartbeats.worker_lives(now=facts.now)
    seconds = heartbeats.ALIVE_FOR.total_seconds()
    words = f"No worker gave a sign of life within {seconds:.0f} s."
    yield Finding("", yes_or_no(not lives, yes=words, no="A worker lives."))


def _beat_silent(facts: Facts) -> Iterable[Finding]:
    lives = heartbeats.beat_lives(now=facts.now)
    minutes = heartbeats.BEAT_ALIVE_FOR.total_seconds() / 60
    words = f"Beat started nothing within {minutes:.0f} minutes."
    yield Finding("", yes_or_no(not lives, yes=words, no="Beat lives."))


def _channel_failing(facts: Facts) -> Iterable[Finding]:
    for channel in Channel.objects.filter(is_on=True):
        yield Finding(channel.name, _failing_for(channel, now=facts.now))


def _failing_for(channel: Channel, *, now: datetime) -> Found:
    if channel.failing_since is None:
        return Found(0.0, "It was not found to fail.")
    minutes = _hours(now, channel.failing_since) * 60
    return Found(minutes, f"It has failed for {minutes:.0f} minutes: {channel.failure or 'no reason is known'}")


CONDITIONS = (
    Condition(
        key="backup_age",
        title="Age of the newest proven backup",
        compares="Hours since the newest backup of all keys was begun that was proven and is still there; nothing "
        "while it is as recent as the schedule of backups makes it, or, without a schedule, a day.",
        headline="There is no recent proven backup of {target}",
        meaning="Limits hold; what is lost now comes back only as old as that.",
        advice="See the backups page: did the last one fail, does a worker of long jobs run? Then back up now.",
        find=_backup_age,
        unit="h",
        scope=Scope.SOURCE,
        is_inhibited=False,
    ),
    Condition(
        key="worker_silent",
        title="Worker silent",
        compares="Whether no Celery worker of the minute's work gave a sign of life lately.",
        headline="No worker lives",
        meaning="Limits hold; mail, backups and what mends Redis by itself wait.",
        advice="Start the worker, or see its log; does the broker answer?",
        find=_worker_silent,
        scope=Scope.SITE,
        is_yes_or_no=True,
        is_inhibited=False,
    ),
    Condition(
        key="beat_silent",
        title="Beat silent",
        compares="Whether Celery's beat started nothing lately.",
        headline="Beat starts nothing",
        meaning="Limits hold; backups and what mends Redis by itself are not begun.",
        advice="Start beat, or see its log; does the broker answer?",
        find=_beat_silent,
        scope=Scope.SITE,
        is_yes_or_no=True,
        is_inhibited=False,
    ),
    Condition(
        key="channel_failing",
        title="Channel failing",
        compares="Minutes since messages to a channel fail.",
        headline="Channel “{target}” cannot be reached",
        meaning="Limits hold; who is told by it hears of nothing.",
        advice="Send a test from the channel's page, and see its address.",
        find=_channel_failing,
        unit="min",
        scope=Scope.CHANNEL,
        is_inhibited=False,
    ),
)
