import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limits.core.rates import (
    LIMIT_MAX,
    WINDOW_SECONDS_MAX,
    Rate,
    RateError,
    format_rates,
    parse_rate,
    parse_rates,
)

rates = st.builds(
    Rate, st.integers(1, LIMIT_MAX), st.integers(1, WINDOW_SECONDS_MAX), st.integers(0, LIMIT_MAX)
).filter(lambda rate: rate.burst != rate.limit)


@pytest.mark.parametrize(
    ("text", "limit", "window_seconds"),
    [
        ("5/m", 5, 60),
        ("5 / m", 5, 60),
        ("  5/m\t", 5, 60),
        ("5/min", 5, 60),
        ("5/mins", 5, 60),
        ("5/minute", 5, 60),
        ("5/minutes", 5, 60),
        ("5 per minute", 5, 60),
        ("5 PER Minute", 5, 60),
        ("5\u00a0per\u00a0minute", 5, 60),
        ("5/1m", 5, 60),
        ("10/s", 10, 1),
        ("10/sec", 10, 1),
        ("10 per 30 secs", 10, 30),
        ("10 per second", 10, 1),
        ("10/2h", 10, 7_200),
        ("10/hr", 10, 3_600),
        ("10 per 2 hrs", 10, 7_200),
        ("100 / 15 minutes", 100, 900),
        ("100/15min", 100, 900),
        ("200 per day", 200, 86_400),
        ("200/d", 200, 86_400),
        ("200 per 31 days", 200, 31 * 86_400),
        ("007/m", 7, 60),
        ("10000000/d", 10_000_000, 86_400),
        ("1/2678400s", 1, 31 * 86_400),
    ],
)
def test_rates_are_read_as_people_write_them(text: str, limit: int, window_seconds: int) -> None:
    assert parse_rate(text) == Rate(limit, window_seconds)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1/s", "1 per second"),
        ("5/60s", "5 per minute"),
        ("5/90s", "5 per 90 seconds"),
        ("10/120m", "10 per 2 hours"),
        ("10/90m", "10 per 90 minutes"),
        ("100/24h", "100 per day"),
        ("100/7d", "100 per 7 days"),
    ],
)
def test_a_rate_is_shown_in_the_largest_unit_that_fits(text: str, words: str) -> None:
    assert str(parse_rate(text)) == words


@pytest.mark.parametrize(
    "text",
    [
        "10 per minute burst 20",
        "10/m burst 20",
        "10 per minute, burst 20",
        "10 per minute,burst 20",
        "10 / minute BURST 20",
        "10/m burst of 20",
        "10/m with burst 20",
        "10 per minute with a burst of 20",
        "10 per minute and burst 20",
        "10\u00a0per\u00a0minute\u00a0burst\u00a020",
    ],
)
def test_a_burst_is_read_as_people_write_it(text: str) -> None:
    assert parse_rates(text) == (parse_rate(text),) == (Rate(10, 60, burst=20),)


def test_a_burst_is_shown_after_its_rate() -> None:
    assert str(Rate(10, 60, burst=20)) == "10 per minute burst 20"


def test_a_burst_may_be_smaller_than_the_limit() -> None:
    assert parse_rate("100/m burst 5") == Rate(100, 60, burst=5)


def test_a_burst_of_the_limit_is_none() -> None:
    assert parse_rate("10/m burst 10") == Rate(10, 60)


@pytest.mark.parametrize(("rate", "capacity"), [(Rate(10, 60), 10), (Rate(10, 60, 20), 20), (Rate(10, 60, 5), 5)])
def test_what_may_come_at_once_is_the_burst_or_else_the_limit(rate: Rate, capacity: int) -> None:
    assert rate.capacity == capacity


@pytest.mark.parametrize(
    "text",
    [
        "10/m burst 20\n100/h",
        "10/m, burst 20, 100/h",
        "10/m burst 20,100/h",
        "10/m burst of 20,100 per hour",
        "100/h; 10/m; burst 20",
        "10 per minute\nburst 20\n100 per hour",
        "10 per minute,\r\n burst 20\r\n100 per hour",
    ],
)
def test_a_burst_belongs_to_the_rate_before_it(text: str) -> None:
    assert parse_rates(text) == (Rate(100, 3_600), Rate(10, 60, burst=20))


@given(rates)
def test_what_is_shown_reads_back(rate: Rate) -> None:
    assert parse_rate(str(rate)) == rate


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("", "5 per minute"),
        ("   ", "5 per minute"),
        ("5", "5 per minute"),
        ("5/", "5 per minute"),
        ("/m", "5 per minute"),
        ("m/5", "5 per minute"),
        ("5 m", "5 per minute"),
        ("5//m", "5 per minute"),
        ("10/m junk", "5 per minute"),
        ("10/m 20/h", "5 per minute"),
        ("-5/m", "5 per minute"),
        ("+5/m", "5 per minute"),
        ("1.5/m", "5 per minute"),
        ("5/1.5m", "5 per minute"),
        ("1e3/m", "5 per minute"),
        ("1_000/m", "5 per minute"),
        ("0x10/m", "5 per minute"),
        ("٥/m", "5 per minute"),
        ("５/m", "5 per minute"),
        ("5/５m", "5 per minute"),
        ("5/ｍ", "5 per minute"),
        ("5 perminute", "5 per minute"),
        ("5\x00/m", "5 per minute"),
        ("5/x", "seconds, minutes, hours or days"),
        ("5/ms", "seconds, minutes, hours or days"),
        ("5/fortnight", "seconds, minutes, hours or days"),
        ("5/w", "seconds, minutes, hours or days"),
        ("10/M", "write 10 per minute"),
        ("10/15M", "write 10 per 15 minutes"),
        ("10/D", "write 10 per day"),
        ("100/week", "write 100 per 7 days"),
        ("100 per 2 weeks", "write 100 per 14 days"),
        ("1000/month", "write 1000 per 30 days"),
        ("1000/Months", "write 1000 per 30 days"),
        ("5/year", "31 days"),
        ("5 per 5 weeks", "31 days"),
        ("5/99999999999M", "1 to 2,678,400"),
        ("5/32d", "31 days"),
        ("5/2678401s", "1 to 2,678,400"),
        ("0/m", "1 to 10,000,000"),
        ("10000001/m", "1 to 10,000,000"),
        ("9" * 5_000 + "/m", "1 to 10,000,000"),
        ("5/" + "9" * 5_000 + "m", "1 to 2,678,400"),
        ("5/0m", "1 to 2,678,400"),
        ("10/m burst", "10 per minute burst 20"),
        ("10/m burst x", "10 per minute burst 20"),
        ("10/m burst -1", "10 per minute burst 20"),
        ("10/m burst 1.5", "10 per minute burst 20"),
        ("10/m burst 20 burst 30", "10 per minute burst 20"),
        ("10/mburst 20", "10 per minute burst 20"),
        ("burst 20", "10 per minute burst 20"),
        ("10/m burst ٥", "10 per minute burst 20"),
        ("10/m burst 0", "The burst must be a whole number from 1 to 10,000,000"),
        ("10/m burst 10000001", "1 to 10,000,000"),
        ("10/m burst " + "9" * 5_000, "1 to 10,000,000"),
        ("10/M burst 20", "write 10 per minute burst 20"),
        ("100/week burst 20", "write 100 per 7 days burst 20"),
    ],
)
def test_what_is_no_rate_is_refused_with_what_would_be_right(text: str, right: str) -> None:
    with pytest.raises(RateError, match=re.escape(right)):
        parse_rate(text)


@given(
    st.integers(1, LIMIT_MAX),
    st.integers(1, WINDOW_SECONDS_MAX),
    st.sampled_from(["M", "S", "H", "D", "week", "Weeks", "month", "year"]),
)
def test_a_rate_that_a_refusal_proposes_is_taken(limit: int, multiple: int, unit: str) -> None:
    with pytest.raises(RateError) as refusal:
        parse_rate(f"{limit}/{multiple}{unit}")
    proposal = re.search(r"write (.+)\.$", str(refusal.value))
    if proposal:
        assert parse_rate(proposal[1]).limit == limit
    else:
        assert "31 days at most" in str(refusal.value)


def test_the_example_of_a_refused_burst_is_taken() -> None:
    with pytest.raises(RateError) as refusal:
        parse_rate("10/m burst often")
    example = re.search(r"like (.+)\.$", str(refusal.value))
    assert example is not None
    assert parse_rate(example[1]) == Rate(10, 60, burst=20)


def test_the_examples_of_a_refusal_are_taken() -> None:
    with pytest.raises(RateError) as refusal:
        parse_rate("often")
    examples = re.search(r"Write it like (.+), (.+) or (.+)\.$", str(refusal.value))
    assert examples is not None
    assert [parse_rate(example) for example in examples.groups()] == [Rate(5, 60), Rate(5, 60), Rate(100, 900)]


almost_rates = st.lists(
    st.sampled_from(
        ["5", "0", " burst ", "10", "/", " per ", " ", "\n", ",", ";", "m", "M", "days", "week", "\u00a0", "٥", "-"]
    )
).map("".join)


@given(st.text() | almost_rates)
def test_any_text_is_a_rate_or_refused(text: str) -> None:
    try:
        rate = parse_rate(text)
    except RateError:
        return
    assert parse_rate(str(rate)) == rate


@given(st.text() | almost_rates)
def test_any_text_is_a_few_rates_or_refused(text: str) -> None:
    try:
        read = parse_rates(text)
    except RateError:
        return
    assert 1 <= len(read) <= 4
    assert parse_rates(format_rates(read)) == read


@pytest.mark.parametrize("filling", [" ", "\u00a0", "5", "m", "/", "5 per ", "\t5", " burst", "\nburst", "5,burst,"])
def test_a_megabyte_is_refused_in_one_pass_and_in_few_words(filling: str) -> None:
    text = f"5/{filling * (1_000_000 // len(filling))}!"
    for parse in (parse_rate, parse_rates):
        with pytest.raises(RateError) as refusal:
            parse(text)
        assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("text", ["5/m\n50/h", "50/h, 5/m", "5/m;50/h;", "\r\n5 per minute\r\n\r\n50 per hour\r\n"])
def test_several_rates_come_longest_window_first(text: str) -> None:
    assert parse_rates(text) == (Rate(50, 3_600), Rate(5, 60))


@pytest.mark.parametrize("text", ["", " \n , ;", "1/s, 2/m, 3/h, 4/d, 5/2d"])
def test_a_policy_has_one_to_four_rates(text: str) -> None:
    with pytest.raises(RateError, match="one to 4 rates"):
        parse_rates(text)


@pytest.mark.parametrize(("text", "right"), [("1,000/m", "1000"), ("10/m burst 1,000", "1000"), ("5.000/h", "5000")])
def test_a_number_in_groups_of_three_is_refused_with_what_would_be_right(text: str, right: str) -> None:
    with pytest.raises(RateError, match=f"without separators: {right} instead"):
        parse_rates(text)


@pytest.mark.parametrize("text", ["5/m, 6/m", "5/m, 5/m", "5/60s\n50/h\n6 per minute"])
def test_two_rates_of_one_window_are_refused(text: str) -> None:
    with pytest.raises(RateError, match="same window: 5 per minute and"):
        parse_rates(text)


def test_one_wrong_rate_among_several_is_named() -> None:
    with pytest.raises(RateError, match="“fly”"):
        parse_rates("5/m\n6/fly")


@given(
    st.lists(rates, min_size=1, max_size=4, unique_by=lambda rate: rate.window_seconds),
    st.sampled_from([",", ", ", ";", "\n", "\r\n"]),
)
def test_several_rates_read_back(several: list[Rate], separator: str) -> None:
    longest_first = tuple(sorted(several, key=lambda rate: -rate.window_seconds))
    assert parse_rates(separator.join(map(str, several))) == longest_first
    assert parse_rates(format_rates(longest_first)) == longest_first
