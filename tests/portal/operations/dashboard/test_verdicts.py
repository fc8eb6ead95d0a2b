"""What is said of how it stands: a sign, plain words, and never good news out of old ones."""

from datetime import timedelta

import pytest

from portal.operations.dashboard import verdicts
from portal.operations.dashboard.facts import BackedUp, Limiter, Lives, ServerSeen, Underway
from portal.operations.dashboard.verdicts import Tone
from portal.operations.models import Severity

from .making import NOW, limiter, seen, underway

LONG_AGO = NOW - timedelta(minutes=12)


def limits(
    of: Limiter | None = None, *, servers: tuple[ServerSeen, ...] = (), alerts: tuple[Underway, ...] = ()
) -> str:
    found = verdicts.limits(of or limiter(), servers=servers or (seen(),), alerts=alerts, now=NOW)
    return f"{found.tone} {found.words} {found.more}".rstrip()


def test_limits_hold() -> None:
    assert limits() == "good Limits hold 5 policies are in force."


def test_limits_do_not_hold_in_a_process_that_cannot_count() -> None:
    away = limiter(is_degraded=True, is_away=True, failure="Connection refused")
    assert limits(away) == "bad Limits do not hold: Redis does not answer Connection refused."
    failing = limiter(is_degraded=True, failure="OOM command not allowed")
    assert limits(failing) == "bad Limits do not hold: Redis answers by errors OOM command not allowed."


def test_limits_may_not_hold_where_another_process_says_so() -> None:
    assert limits(alerts=(underway("limiter_degraded"),)).startswith("bad Limits may not hold Counting failed")


def test_limits_do_not_hold_where_the_server_of_the_counters_is_away() -> None:
    assert (
        limits(servers=(seen(failure="timed out"),)) == "bad Limits do not hold: Redis at 10.0.0.1:6379 does not answer"
    )


@pytest.mark.parametrize(
    "server",
    [
        seen(failure="timed out", holds_counters=False),
        seen(failure="timed out", is_replica=True),
        seen(failure="timed out", looked_at=LONG_AGO),
    ],
    ids=["no counters", "a replica", "long ago"],
)
def test_limits_hold_whatever_ails_elsewhere_or_ailed_once(server: ServerSeen) -> None:
    assert limits(servers=(server,)).startswith("good")


def test_limits_may_not_hold_where_commands_were_refused() -> None:
    assert (
        limits(servers=(seen(errors=3),))
        == "late Limits may not hold Redis at 10.0.0.1:6379 refused 3 commands in a minute."
    )


def test_a_critical_alert_of_limiting_denies_that_limits_hold() -> None:
    assert limits(alerts=(underway("evictions"),)) == "bad Limits do not hold: Redis drops keys"
    assert limits(alerts=(underway("evictions", severity=Severity.WARNING),)).startswith("good")
    assert limits(alerts=(underway("backup_age"),)).startswith("good")


def test_all_reasons_are_told_each_once() -> None:
    told = limits(
        limiter(is_degraded=True, failure="OOM"), alerts=(underway("limiter_degraded"), underway("refused_writes"))
    )
    assert told == "bad Limits do not hold: Redis answers by errors OOM. Redis drops keys."


def test_a_full_server_that_still_counts_makes_limits_doubtful_and_no_more() -> None:
    assert limits(alerts=(underway("refused_writes"),)) == "late Limits may not hold Redis drops keys."


@pytest.mark.parametrize("condition", ["limiter_degraded", "evictions", "refused_writes"])
def test_limits_hold_again_while_an_alert_of_limiting_recovers(condition: str) -> None:
    alerts = (underway(condition, is_recovering=True),)
    assert limits(alerts=alerts) == "late Limits hold again Recovering: Redis drops keys."


def test_without_policies_nothing_is_said_to_hold() -> None:
    assert limits(limiter(policies=0)).startswith("unknown No policies are in force here")


@pytest.mark.parametrize(
    ("in_step", "tone", "words"),
    [
        (True, Tone.GOOD, "Policies are in step"),
        (False, Tone.BAD, "Policies are not in step"),
        (None, Tone.UNKNOWN, "In step? Not known"),
    ],
)
def test_policies_in_step(in_step: bool | None, tone: Tone, words: str) -> None:
    found = verdicts.step(limiter(in_step=in_step))
    assert (found.tone, found.words) == (tone, words)


@pytest.mark.parametrize(
    ("servers", "tone", "words"),
    [
        ((), Tone.UNKNOWN, "Redis: not known"),
        ((seen(looked_at=LONG_AGO),), Tone.UNKNOWN, "Redis: not known"),
        ((seen(used_share=0.2),), Tone.GOOD, "Redis answers"),
        ((seen(),), Tone.GOOD, "Redis answers"),
        ((seen(used_share=0.2), seen("b:1", used_share=0.81)), Tone.LATE, "Redis is 81 % full"),
        ((seen(used_share=0.95),), Tone.BAD, "Redis is 95 % full"),
        ((seen(is_loading=True),), Tone.LATE, "Redis is loading its data"),
        ((seen(failure="timed out"),), Tone.BAD, "Redis does not answer"),
        ((seen(failure="timed out"), seen("b:1")), Tone.BAD, "1 of 2 servers does not answer"),
        ((seen(failure="x"), seen("b:1", failure="x")), Tone.BAD, "2 of 2 servers do not answer"),
    ],
)
def test_redis(servers: tuple[ServerSeen, ...], tone: Tone, words: str) -> None:
    found = verdicts.redis(servers, now=NOW)
    assert (found.tone, found.words) == (tone, words)


@pytest.mark.parametrize(
    ("alerts", "tone", "words"),
    [
        ((), Tone.GOOD, "No alerts"),
        ((underway("latency", severity=Severity.WARNING),), Tone.LATE, "1 alert under way"),
        ((underway("evictions"), underway("down")), Tone.BAD, "2 alerts under way, 2 critical"),
        ((underway("evictions"), underway("down", is_recovering=True)), Tone.BAD, "2 alerts under way, 1 critical"),
        ((underway("down", is_recovering=True),), Tone.LATE, "1 alert recovering"),
    ],
)
def test_alerts(alerts: tuple[Underway, ...], tone: Tone, words: str) -> None:
    found = verdicts.under_way(alerts, is_watched=True, is_anybody_told=True)
    assert (found.tone, found.words) == (tone, words)


@pytest.mark.parametrize("alerts", [(), (underway("down"),), (underway("down", is_recovering=True),)])
def test_it_is_told_that_no_channel_would_tell_anybody(alerts: tuple[Underway, ...]) -> None:
    found = verdicts.under_way(alerts, is_watched=True, is_anybody_told=False)
    assert found.tone is not Tone.GOOD
    assert found.more == "No channel is on: nobody is told."


def test_no_alerts_are_no_good_news_while_nobody_looks() -> None:
    assert verdicts.under_way((), is_watched=False, is_anybody_told=True).tone is Tone.UNKNOWN
    assert verdicts.under_way((underway("down"),), is_watched=False, is_anybody_told=True).tone is Tone.BAD
    assert not verdicts.is_watched((seen(looked_at=LONG_AGO),), now=NOW)


@pytest.mark.parametrize(
    ("lives", "tone", "words"),
    [
        (Lives(worker=True, long_worker=True, beat=True), Tone.GOOD, "Worker and beat run"),
        (Lives(worker=True, long_worker=False, beat=True), Tone.LATE, "Worker of long jobs silent"),
        (Lives(worker=False, long_worker=True, beat=False), Tone.BAD, "Worker and beat silent"),
        (Lives(worker=False, long_worker=False, beat=False), Tone.BAD, "Worker, worker of long jobs and beat silent"),
    ],
)
def test_workers(lives: Lives, tone: Tone, words: str) -> None:
    found = verdicts.workers(lives)
    assert (found.tone, found.words) == (tone, words)


@pytest.mark.parametrize(
    ("ago", "tone", "words"),
    [
        (4, Tone.GOOD, "Redis seen 4 s ago"),
        (120, Tone.LATE, "Nobody has looked at Redis for 2 min"),
        (7200, Tone.BAD, "Nobody has looked at Redis for 2 h"),
        (-30, Tone.GOOD, "Redis seen 1 s ago"),
    ],
)
def test_the_watch_itself(ago: int, tone: Tone, words: str) -> None:
    found = verdicts.watch(
        [seen(looked_at=NOW - timedelta(seconds=ago)), seen(looked_at=LONG_AGO - timedelta(days=1))], now=NOW
    )
    assert (found.tone, found.words) == (tone, words)


@pytest.mark.parametrize(
    ("found", "tone", "words"),
    [
        (BackedUp("redis"), Tone.BAD, "No proven backup of redis"),
        (BackedUp("redis", "x", "5 hours"), Tone.GOOD, "Last proven backup of redis: 5 hours ago"),
        (BackedUp("redis", "x", "2 days", is_late=True), Tone.LATE, "Last proven backup of redis: 2 days ago"),
    ],
)
def test_backups(found: BackedUp, tone: Tone, words: str) -> None:
    verdict = verdicts.backed_up(found)
    assert (verdict.tone, verdict.words) == (tone, words)


def test_a_watch_that_never_looked_is_told() -> None:
    assert verdicts.watch((), now=NOW).tone is Tone.BAD


def test_every_tone_has_a_sign_of_its_own() -> None:
    assert len({tone.sign for tone in Tone}) == len(Tone)
