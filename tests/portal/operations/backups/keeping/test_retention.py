from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.operations.backups.keeping.retention import UNPROVEN_DAYS, Candidate, Keep, Verdict, decide

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
PERIODS = ("hourly", "daily", "weekly", "monthly", "yearly")


def nightly(count: int, *, is_proven: bool = True) -> list[Candidate]:
    """One backup a night, the newest first."""
    return [Candidate(f"night-{day}", NOW - timedelta(days=day, hours=9), is_proven) for day in range(count)]


def kept(verdicts: tuple[Verdict, ...]) -> set[str]:
    return {verdict.name for verdict in verdicts if verdict.kept}


def reasons(verdicts: tuple[Verdict, ...], name: str) -> tuple[str, ...]:
    (found,) = (verdict.reasons for verdict in verdicts if verdict.name == name)
    return found


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    hours = draw(st.lists(st.integers(min_value=-48, max_value=3 * 366 * 24), max_size=40))
    return [
        Candidate(
            f"b{number}", NOW - timedelta(hours=hour), is_proven=draw(st.booleans()), is_pinned=draw(st.booleans())
        )
        for number, hour in enumerate(hours)
    ]


keeps = st.builds(Keep, **{field.name: st.integers(min_value=0, max_value=6) for field in fields(Keep)})


@given(backups=candidates(), keep=keeps)
def test_what_was_kept_is_kept_again(backups: list[Candidate], keep: Keep) -> None:
    once = kept(decide(backups, keep=keep, now=NOW))
    left = [backup for backup in backups if backup.name in once]
    assert kept(decide(left, keep=keep, now=NOW)) == once


@given(backups=candidates(), keep=keeps)
def test_the_newest_proven_and_the_pinned_are_always_kept(backups: list[Candidate], keep: Keep) -> None:
    stays = kept(decide(backups, keep=keep, now=NOW))
    assert {backup.name for backup in backups if backup.is_pinned} <= stays
    if proven := [backup for backup in backups if backup.is_proven]:
        assert max(proven, key=lambda backup: (backup.at, backup.name)).name in stays


@given(backups=candidates(), keep=keeps, field=st.sampled_from([field.name for field in fields(Keep)]))
def test_asking_for_more_deletes_no_more(backups: list[Candidate], keep: Keep, field: str) -> None:
    more = replace(keep, **{field: getattr(keep, field) + 1})
    assert kept(decide(backups, keep=keep, now=NOW)) <= kept(decide(backups, keep=more, now=NOW))


@given(backups=candidates(), keep=keeps)
def test_no_rule_keeps_more_than_it_is_asked_for(backups: list[Candidate], keep: Keep) -> None:
    told = [reason for verdict in decide(backups, keep=keep, now=NOW) for reason in verdict.reasons]
    for field in fields(Keep):
        by_rule = [reason for reason in told if reason.startswith(f"{field.name} ")]
        assert len(by_rule) <= getattr(keep, field.name)
        assert field.name == "last" or len(set(by_rule)) == len(by_rule)


@given(backups=candidates(), keep=keeps)
def test_every_backup_has_one_verdict_with_a_reason_newest_first(backups: list[Candidate], keep: Keep) -> None:
    verdicts = decide(backups, keep=keep, now=NOW)
    at = {backup.name: backup.at for backup in backups}
    assert [at[verdict.name] for verdict in verdicts] == sorted(at.values(), reverse=True)
    assert len({verdict.name for verdict in verdicts}) == len(verdicts)
    assert all(verdict.reasons for verdict in verdicts)


@given(backups=candidates(), keep=keeps)
def test_nothing_is_deleted_while_nothing_is_proven(backups: list[Candidate], keep: Keep) -> None:
    unproven = [replace(backup, is_proven=False) for backup in backups]
    assert len(kept(decide(unproven, keep=keep, now=NOW))) == len(unproven)


@given(backups=candidates(), keep=keeps)
def test_an_unproven_one_changes_nothing_for_the_proven(backups: list[Candidate], keep: Keep) -> None:
    proven = [backup for backup in backups if backup.is_proven]
    among_all = set(decide(backups, keep=keep, now=NOW))
    assert set(decide(proven, keep=keep, now=NOW)) <= among_all


def test_the_rules_are_a_union_and_say_why() -> None:
    verdicts = decide(nightly(400), keep=Keep(last=3, daily=7, weekly=2, monthly=3, yearly=2), now=NOW)
    assert reasons(verdicts, "night-0") == (
        "newest proven",
        "last 3",
        "daily 2026-11-28",
        "weekly 2026-W48",
        "monthly 2026-11",
        "yearly 2026",
    )
    assert reasons(verdicts, "night-2") == ("last 3", "daily 2026-11-26")
    assert reasons(verdicts, "night-28") == ("monthly 2026-10",)
    assert reasons(verdicts, "night-7") == ("no rule keeps it",)
    assert len(kept(verdicts)) == 7 + 2 + 1  # Two months back, one year back.


def test_only_days_with_a_backup_count() -> None:
    backups = [
        *nightly(2),
        *(replace(backup, name=f"old-{backup.name}", at=backup.at - timedelta(days=90)) for backup in nightly(9)),
    ]
    assert len(kept(decide(backups, keep=Keep(daily=7), now=NOW))) == 7


def test_days_are_those_of_the_time_zone() -> None:
    evening, night = (Candidate(str(hour), datetime(2026, 11, 27, hour, tzinfo=UTC), True) for hour in (21, 23))
    keep = Keep(daily=1)
    assert kept(decide([evening, night], keep=replace(keep, daily=2), now=NOW)) == {"23"}
    local = NOW.astimezone(ZoneInfo("Europe/Vienna"))
    assert kept(decide([evening, night], keep=replace(keep, daily=2), now=local)) == {"21", "23"}


def test_both_hours_of_a_night_that_has_one_twice_count() -> None:
    vienna = ZoneInfo("Europe/Vienna")
    twice = [Candidate(str(hour), datetime(2026, 10, 25, hour, 30, tzinfo=UTC), True) for hour in (0, 1)]
    assert len(kept(decide(twice, keep=Keep(hourly=2), now=NOW.astimezone(vienna)))) == 2


def test_an_unproven_one_stays_to_be_looked_at_and_then_goes() -> None:
    def unproven(days: int) -> Candidate:
        return Candidate(f"unproven-{days}", NOW - timedelta(days=days), is_proven=False)

    backups = [*nightly(30), unproven(0), unproven(UNPROVEN_DAYS), unproven(UNPROVEN_DAYS + 1)]
    verdicts = decide(backups, keep=Keep(last=2), now=NOW)
    assert kept(verdicts) == {"night-0", "night-1", "unproven-0", f"unproven-{UNPROVEN_DAYS}"}
    assert reasons(verdicts, "unproven-0") == ("not proven: never counts; newer than the newest proven",)
    assert reasons(verdicts, "unproven-8") == ("not proven in 7 days, and a newer one is proven",)


def test_an_old_unproven_one_stays_while_it_is_newer_than_all_that_are_proven() -> None:
    old = Candidate("proven", NOW - timedelta(days=60), is_proven=True)
    newer = Candidate("unproven", NOW - timedelta(days=30), is_proven=False)
    assert kept(decide([old, newer], keep=Keep(), now=NOW)) == {"proven", "unproven"}


def test_one_from_the_future_takes_no_place() -> None:
    future = Candidate("future", NOW + timedelta(days=400), is_proven=True)
    verdicts = decide([*nightly(3), future], keep=Keep(last=1), now=NOW)
    assert kept(verdicts) == {"future", "night-0"}
    assert reasons(verdicts, "future") == ("dated in the future: look at the clock",)


def test_without_rules_the_newest_proven_is_left() -> None:
    assert kept(decide(nightly(9), keep=Keep(), now=NOW)) == {"night-0"}


@pytest.mark.parametrize("period", ["last", *PERIODS])
def test_a_negative_number_is_refused(period: str) -> None:
    with pytest.raises(ValueError, match=period):
        Keep(**{period: -1})
