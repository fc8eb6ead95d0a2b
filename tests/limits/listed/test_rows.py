"""From the lines of a list to overrides: what lines leave out, what they say, and what is wrong."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from limits.conf import conf
from limits.core.overrides import Effect
from limits.core.rates import Rate
from limits.listed.entries import read_list
from limits.listed.rows import WRONG_MAX, ListReader
from limits.models import Override, Policy
from limits.models.overrides import TWINS_MAX

pytestmark = pytest.mark.django_db


def common(**changes: object) -> Override:
    """Return what all share, unless they say otherwise: denied from now on, for ever."""
    return Override(**{"effect": Effect.DENIED.value, "since": timezone.now(), "reason": "An attack"} | changes)


def read(text: str, **changes: object) -> ListReader:
    reader = ListReader(common=common(**changes), by_name=True)
    reader.read(list(read_list(text)))
    return reader


def test_what_lines_leave_out_is_as_what_all_share() -> None:
    shared = {
        "effect": "rates",
        "rates": (Rate(5, 60),),
        "policy": "login",
        "until": timezone.now() + timedelta(days=1),
    }
    reader = read("203.0.113.9\n\n198.51.100.0/24", **shared)
    assert reader.wrong == []
    assert {number: made.subject for number, made in reader.overrides.items()} == {
        1: "203.0.113.9",
        3: "198.51.100.0/24",
    }
    for made in reader.overrides.values():
        assert {name: getattr(made, name) for name in shared} == shared


def test_a_table_says_it_line_by_line() -> None:
    head = "subject,policy,effect,rates,from,until,reason\n"
    (made,) = read(
        head + '10.0.0.0/8,login,Rates,"600/m;20000/d",2026-12-01,2026-12-03 18:00,Our office'
    ).overrides.values()
    assert (made.policy, made.effect, made.reason) == ("login", "rates", "Our office")
    assert made.rates == (Rate(20000, 86400), Rate(600, 60))
    assert (made.since, made.until) == (
        parse_datetime("2026-12-01T00:00:00+00:00"),
        parse_datetime("2026-12-03T18:00:00+00:00"),
    )


def test_rates_of_all_are_only_for_those_that_have_other_rates() -> None:
    reader = read("subject,effect\n10.0.0.0/8,\n10.1.0.0/16,exempt", effect="rates", rates=(Rate(5, 60),))
    assert [made.rates for made in reader.overrides.values()] == [(Rate(5, 60),), ()]


def test_one_for_an_address_ends_by_itself() -> None:
    made = read("203.0.113.9").overrides[1]
    assert made.until is not None
    assert timedelta(0) <= timezone.now() + timedelta(days=conf.address_days) - made.until < timedelta(minutes=1)
    assert read("10.0.0.0/8").overrides[1].until is None


def test_a_line_that_repeats_another_is_counted_and_makes_none() -> None:
    reader = read("203.0.113.9\n10.0.0.0/8\n203.0.113.9\n203.0.113.9:80")
    assert (len(reader.overrides), reader.repeated, reader.wrong) == (2, 2, [])


def test_a_line_that_contradicts_another_is_wrong() -> None:
    reader = read("subject,effect\n10.0.0.0/8,denied\n10.0.0.0/8,exempt")
    assert reader.wrong == ["Line 3: It says otherwise than line 2 of the same client and policy."]


def test_lines_for_the_same_at_other_times_are_both_taken() -> None:
    reader = read("subject,from,until\n10.0.0.0/8,2026-01-01,2026-01-02\n10.0.0.0/8,2026-01-02,2026-01-03")
    assert len(reader.overrides) == 2


def test_one_client_and_policy_has_so_many_times_at_most() -> None:
    times = [f"10.0.0.0/8,{2100 + number}-01-01,{2100 + number}-01-02" for number in range(TWINS_MAX + 1)]
    reader = read("\n".join(["subject,from,until", *times, times[0], "10.1.0.0/16,2100-01-01,2100-01-02"]))
    assert reader.wrong == [
        f"Line {TWINS_MAX + 2}: There are {TWINS_MAX} for this client and policy above: more are not taken."
    ]
    assert (len(reader.overrides), reader.repeated) == (TWINS_MAX + 1, 1)


def test_bursts_are_judged_without_a_question_for_each(django_assert_max_num_queries: Any) -> None:
    Policy.objects.filter(slug="login").update(algorithm="token-bucket")
    lines = "\n".join(f"10.{number}.0.0/16" for number in range(50))
    with django_assert_max_num_queries(5):
        reader = read(lines, effect="rates", rates=(Rate(10, 60, 20),), policy="login")
    assert (reader.wrong, len(reader.overrides)) == ([], 50)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nowhere,,,,,,", "is not an address"),
        (",login,,,,,", "is not an address"),
        ("10.0.0.0/8,nothing,,,,,", "There is no policy “nothing”"),
        ("10.0.0.0/8,,deny,,,,", "write exempt, denied or rates"),
        ("10.0.0.0/8,,rates,,,,", "Give the rates"),
        ("10.0.0.0/8,,denied,5/m,,,", "Rates are for"),
        ("10.0.0.0/8,,rates,100/week,,,", "100 per 7 days"),
        ("10.0.0.0/8,,rates,5/m burst 9,,,", "token bucket"),
        ("10.0.0.0/8,,,,soon,,", "“soon” is no time"),
        ("10.0.0.0/8,,,,,31/31/2026,", "is no time"),
        ("10.0.0.0/8,,,,,9999-12-31T23:59:00-05:00,", "1971 to 9000"),
        ("10.0.0.0/8,,,,0001-01-01T00:00:00+05:00,,", "1971 to 9000"),
        ("10.0.0.0/8,,,,2026-01-02,2026-01-01,", "It must end after it begins"),
        ("203.0.113.9,,,,,2099-01-01,", "at most"),
        ("10.0.0.0/8,,,,,," + "x" * 201, "at most 200 characters"),
    ],
)
def test_what_is_wrong_is_told_by_the_number_of_its_line(line: str, words: str) -> None:
    reader = read(f"subject,policy,effect,rates,from,until,reason\n10.9.0.0/16,,,,,,\n{line}")
    (told,) = reader.wrong
    assert told.startswith("Line 3: ")
    assert words in told
    assert list(reader.overrides) == [2]


def test_reading_ends_where_too_many_are_wrong() -> None:
    reader = read("\n".join(["nowhere"] * 1000))
    assert len(reader.wrong) == WRONG_MAX + 1
    assert reader.wrong[-1] == f"Reading ended at line {WRONG_MAX}: so many are wrong."


def test_as_long_as_what_all_share_is_wrong_only_whom_they_are_for_is_looked_at() -> None:
    reader = ListReader(common=None, by_name=True)
    reader.read(list(read_list("subject,effect\n10.0.0.0/8,deny\nnowhere,")))
    assert (len(reader.wrong), reader.overrides) == (1, {})
