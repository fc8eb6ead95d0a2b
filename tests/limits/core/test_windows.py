"""One rate at a time, against an exact log and against the promises of the formulas."""

from hypothesis import example, given
from hypothesis import strategies as st

from limits.core.ledger import Claim, charge
from limits.core.windows import COUNT_MAX, EMPTY, Algorithm, Bound, FixedWindow, SlidingWindow, TokenBucket

ALGORITHMS: tuple[Algorithm, ...] = ("fixed-window", "sliding-window", "token-bucket")
MONTH = 31 * 86_400_000

gaps = st.lists(st.one_of(st.just(0), st.just(1), st.integers(0, 400), st.integers(0, 3000)), min_size=1, max_size=80)
bounds = st.builds(
    lambda limit, extra, window: Bound("k", limit, limit + extra, window),
    st.integers(1, 12),
    st.integers(0, 8),
    st.integers(1, 1000),
)
large_bounds = st.builds(
    lambda limit, window: Bound("k", limit, limit, window), st.integers(1, 10_000_000), st.integers(1000, MONTH)
)


def let_through(bound: Bound, moments: list[int], *, algorithm: Algorithm) -> list[int]:
    """Return the moments whose requests, of cost 1, are let through."""
    ledger, claim = {}, Claim(algorithm, (bound,))
    return [now for now in moments if not charge(ledger, claims=[claim], now_milliseconds=now).retry_milliseconds]


def moments_of(gaps: list[int], *, start: int) -> list[int]:
    now, moments = start, []
    for gap in gaps:
        moments.append(now := now + gap)
    return moments


def most_in_a_span(moments: list[int], *, span: int) -> int:
    """Return the most moments in any (t − span, t]."""
    return max((sum(last - span < moment <= last for moment in moments) for last in moments), default=0)


@given(bounds, gaps, st.integers(0, 5000))
def test_a_sliding_window_lets_less_than_limit_and_a_share_through_in_any_span(
    bound: Bound, gaps: list[int], start: int
) -> None:
    moments = let_through(bound, moments_of(gaps, start=start), algorithm="sliding-window")
    for span in {1, bound.window // 4, bound.window // 2, bound.window} - {0}:
        # The moments in (t - span, t] lie less than `span` apart: limit × (1 + d / W), and never all of it.
        assert most_in_a_span(moments, span=span) * bound.window < bound.limit * (bound.window + span)


def test_the_sliding_window_reaches_its_worst_error_and_goes_no_further() -> None:
    bound = Bound("k", 10, 10, 1000)
    late, steady = [1999] * 30, list(range(2000, 2999))
    moments = let_through(bound, late + steady, algorithm="sliding-window")
    assert most_in_a_span(moments, span=1000) == 2 * bound.limit - 1
    assert most_in_a_span(moments, span=100) == bound.limit


def test_a_fixed_window_gives_two_limits_around_its_end_where_a_sliding_one_gives_one() -> None:
    bound = Bound("k", 10, 10, 1000)
    moments = [1000] + [1999] * 20 + [2000] * 20
    assert most_in_a_span(let_through(bound, moments, algorithm="fixed-window"), span=2) == 19
    assert most_in_a_span(let_through(bound, moments, algorithm="sliding-window"), span=2) == 9


@given(bounds, gaps, st.integers(0, 5000))
def test_a_sliding_window_estimates_an_exact_log_within_its_bounds(bound: Bound, gaps: list[int], start: int) -> None:
    ledger, claim, log = {}, Claim("sliding-window", (bound,)), []
    for now in moments_of(gaps, start=start):
        if not charge(ledger, claims=[claim], now_milliseconds=now).retry_milliseconds:
            log.append(now)
        state = ledger["k"].at(bound, now=now)
        used, exact = bound.limit - state.room(bound, now=now), sum(now - bound.window < moment for moment in log)
        elapsed = now % bound.window
        assert (exact - used) * bound.window <= state.previous * elapsed
        assert (used - exact - 1) * bound.window < state.previous * (bound.window - elapsed)


@given(bounds, gaps, st.integers(0, 5000))
def test_a_sliding_window_makes_nobody_wait_two_windows(bound: Bound, gaps: list[int], start: int) -> None:
    ledger, claim, last = {}, Claim("sliding-window", (bound,)), 0
    for now in moments_of(gaps, start=start):
        retry = charge(ledger, claims=[claim], now_milliseconds=now).retry_milliseconds
        last = last if retry else now
        assert now + retry - last <= 2 * bound.window


@given(bounds, gaps)
def test_a_token_bucket_lets_through_what_the_cell_rate_algorithm_does(bound: Bound, gaps: list[int]) -> None:
    moments = moments_of(gaps, start=0)
    # Virtual scheduling (ITU-T I.371), in units of a limit-th of a millisecond: a cell each `window` of them.
    expected, arrival = [], 0
    for now in moments:
        arrival = max(arrival, now * bound.limit)
        if arrival + bound.window - now * bound.limit <= bound.capacity * bound.window:
            arrival += bound.window
            expected.append(now)
    assert let_through(bound, moments, algorithm="token-bucket") == expected


@given(bounds, gaps)
def test_a_fixed_window_lets_its_limit_through_from_the_first_request_on(bound: Bound, gaps: list[int]) -> None:
    moments = let_through(bound, moments_of(gaps, start=0), algorithm="fixed-window")
    while moments:
        window = [moment for moment in moments if moment < moments[0] + bound.window]
        assert len(window) <= bound.limit
        moments = moments[len(window) :]


@given(st.sampled_from(ALGORITHMS), st.one_of(bounds, large_bounds), gaps, st.integers(1, 9), st.booleans())
def test_the_wait_is_the_soonest_moment_at_which_the_same_request_is_let_through(
    algorithm: Algorithm, bound: Bound, gaps: list[int], cost: int, refusals_count: bool
) -> None:
    cost = min(cost, bound.limit)
    claim = Claim(algorithm, (bound,), cost, refusals_count=refusals_count)
    ledger = {}
    for now in moments_of(gaps, start=1_795_417_631_000):
        retry = charge(ledger, claims=[claim], now_milliseconds=now).retry_milliseconds
        if retry:
            early, late = dict(ledger), dict(ledger)
            assert charge(early, claims=[claim], now_milliseconds=now + retry - 1).retry_milliseconds > 0
            assert charge(late, claims=[claim], now_milliseconds=now + retry).retry_milliseconds == 0


@given(st.sampled_from(ALGORITHMS), bounds, gaps, st.integers(1, 12))
def test_an_edited_limit_keeps_what_is_counted(algorithm: Algorithm, bound: Bound, gaps: list[int], limit: int) -> None:
    ledger = {}
    moments = moments_of(gaps, start=0)
    for now in moments:
        charge(ledger, claims=[Claim(algorithm, (bound,))], now_milliseconds=now)
    # What flowed into a bucket since it was last charged flowed at today's limit: there the capacity is edited.
    edited = Bound("k", bound.limit if algorithm == "token-bucket" else limit, limit, bound.window)
    before, after = (
        charge(ledger, claims=[Claim(algorithm, (each,), 0)], now_milliseconds=moments[-1]).verdicts[0].states[0]
        for each in (bound, edited)
    )
    capacity = bound.capacity if algorithm == "token-bucket" else bound.limit
    assert after.remaining == max(0, before.remaining - capacity + limit)


@given(st.sampled_from(ALGORITHMS), st.one_of(bounds, large_bounds), st.integers(1, 60), st.integers(1, 10**10))
@example("sliding-window", Bound("k", 1, 1, 1000), 1, 10**10)
def test_a_clock_that_goes_back_locks_nobody_out(algorithm: Algorithm, bound: Bound, requests: int, back: int) -> None:
    ledger, claim, now = {}, Claim(algorithm, (bound,)), 1_795_417_631_000
    for _ in range(requests):
        charge(ledger, claims=[claim], now_milliseconds=now)
    now -= back
    retry = charge(ledger, claims=[claim], now_milliseconds=now).retry_milliseconds
    assert retry <= 2 * bound.window
    if retry:
        assert charge(ledger, claims=[claim], now_milliseconds=now + retry).retry_milliseconds == 0


@given(st.sampled_from(ALGORITHMS), large_bounds)
def test_a_cost_above_the_capacity_never_fits(algorithm: Algorithm, bound: Bound) -> None:
    claim = Claim(algorithm, (bound,), bound.limit + 1)
    assert charge({}, claims=[claim], now_milliseconds=5).retry_milliseconds == bound.window


def test_what_stands_in_redis_reads_as_a_state_or_as_nothing() -> None:
    assert FixedWindow.read("5", ends_at=9) == FixedWindow(5, 9)
    assert SlidingWindow.read("29923627:3:5", ends_at=9) == SlidingWindow(29923627, 3, 5, 9)
    assert TokenBucket.read("1795417631000:3:48000", ends_at=9) == TokenBucket(1795417631000, 3, 48000, 9)
    for garbage in ("", "-5", "1.5", "1e5", "nan", " 5", "5\n", "٥", "9" * 5000, str(COUNT_MAX + 1), "1:2", "1:2:x"):
        assert not any(type(empty).read(garbage, ends_at=9) for empty in EMPTY.values())
