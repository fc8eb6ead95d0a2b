"""Several policies at once: all of them, or none."""

from hypothesis import given
from hypothesis import strategies as st

from limits.core.ledger import Answer, Claim, GiveBack, Ledger, charge, forget_ended, give_back
from limits.core.windows import Algorithm, Bound

NOW = 1_795_417_631_000
ALGORITHMS: tuple[Algorithm, ...] = ("fixed-window", "sliding-window", "token-bucket")


def bound(key: str = "k", limit: int = 2, *, window: int = 1000) -> Bound:
    return Bound(key, limit, limit, window)


def ask(ledger: Ledger, *claims: Claim, now: int = NOW) -> Answer:
    return charge(ledger, claims=claims, now_milliseconds=now)


def remaining(ledger: Ledger, claim: Claim, *, now: int = NOW) -> list[int]:
    look = Claim(claim.algorithm, claim.bounds, cost=0)
    return [state.remaining for state in ask(ledger, look, now=now).verdicts[0].states]


def test_one_rate_that_refuses_keeps_every_other_from_being_charged() -> None:
    small, large = Claim("fixed-window", (bound("s", 1),)), Claim("sliding-window", (bound("l", 9),))
    ledger: Ledger = {}
    assert not ask(ledger, small, large).retry_milliseconds
    assert ask(ledger, small, large).retry_milliseconds == 1000
    assert (remaining(ledger, small), remaining(ledger, large)) == ([0], [8])


def test_a_shadow_that_refuses_hinders_nobody_and_is_not_charged() -> None:
    shadow, real = Claim("token-bucket", (bound("s", 1),), enforces=False), Claim("fixed-window", (bound("r", 9),))
    ledger: Ledger = {}
    ask(ledger, shadow, real)
    answer = ask(ledger, shadow, real)
    assert answer.retry_milliseconds == 0
    assert [verdict.retry_milliseconds > 0 for verdict in answer.verdicts] == [True, False]
    assert (remaining(ledger, shadow), remaining(ledger, real)) == ([0], [7])


def test_a_shadow_is_not_charged_for_what_another_refuses() -> None:
    shadow, real = Claim("fixed-window", (bound("s", 9),), enforces=False), Claim("fixed-window", (bound("r", 1),))
    ledger: Ledger = {}
    for _ in range(5):
        ask(ledger, shadow, real)
    assert remaining(ledger, shadow) == [8]


def test_a_policy_whose_refusals_count_goes_on_counting_alone() -> None:
    counting = Claim("fixed-window", (bound("a", 1), bound("b", 9, window=9000)), refusals_count=True)
    other = Claim("fixed-window", (bound("c", 9),))
    ledger: Ledger = {}
    for _ in range(3):
        ask(ledger, counting, other)
    assert (remaining(ledger, counting), remaining(ledger, other)) == ([0, 6], [8])


def test_a_refusal_begins_a_penalty_that_a_later_one_does_not_lengthen() -> None:
    claim = Claim("fixed-window", (bound(limit=1),), penalty_milliseconds=5000, penalty_key="p")
    ledger: Ledger = {}
    ask(ledger, claim)
    assert ask(ledger, claim).retry_milliseconds == 5000
    assert ask(ledger, claim, now=NOW + 2000).retry_milliseconds == 3000
    assert ask(ledger, claim, now=NOW + 5000).retry_milliseconds == 0


def test_a_shortened_penalty_holds_at_once_and_one_taken_away_too() -> None:
    long = Claim("fixed-window", (bound(limit=1),), penalty_milliseconds=50_000, penalty_key="p")
    short = Claim("fixed-window", (bound(limit=1),), penalty_milliseconds=2000, penalty_key="p")
    ledger: Ledger = {}
    ask(ledger, long), ask(ledger, long)
    assert ask(dict(ledger), Claim("fixed-window", (bound(limit=1),)), now=NOW + 1000).retry_milliseconds == 0
    assert ask(ledger, short).retry_milliseconds == 2000
    assert ask(ledger, short, now=NOW + 2000).retry_milliseconds == 0


def test_a_look_changes_nothing() -> None:
    claim = Claim("fixed-window", (bound(limit=1),), penalty_milliseconds=5000, penalty_key="p")
    ledger: Ledger = {}
    for _ in range(2):
        ask(ledger, Claim("fixed-window", (bound(limit=1),), 0, penalty_milliseconds=5000, penalty_key="p"))
    assert ledger == {}
    ask(ledger, claim)
    before = dict(ledger)
    ask(ledger, Claim("fixed-window", (bound(limit=0),), 0, penalty_milliseconds=5000, penalty_key="p"))
    assert ledger == before


def test_a_wait_tells_of_every_rate_that_refusals_have_filled() -> None:
    claim = Claim("fixed-window", (bound("a", 1), bound("b", 2, window=9000)), refusals_count=True)
    ledger: Ledger = {}
    ask(ledger, claim)
    assert ask(ledger, claim).retry_milliseconds == 9000


claims = st.builds(
    lambda algorithm, limits, cost, refusals_count, penalty, slug: Claim(
        algorithm,
        tuple(Bound(f"{slug}:{n}", limit, limit, 700 * (n + 1)) for n, limit in enumerate(limits)),
        min(cost, *limits),
        refusals_count=refusals_count,
        penalty_milliseconds=penalty,
        penalty_key=f"{slug}:penalty",
    ),
    st.sampled_from(ALGORITHMS),
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from((0, 0, 300, 2500)),
    st.uuids(),
)


@given(st.lists(claims, min_size=1, max_size=3), st.lists(st.integers(0, 300), min_size=1, max_size=40))
def test_the_wait_of_all_together_is_the_soonest_moment_too(claims: list[Claim], gaps: list[int]) -> None:
    ledger: Ledger = {}
    now = NOW
    for gap in gaps:
        now += gap
        if retry := ask(ledger, *claims, now=now).retry_milliseconds:
            assert ask(dict(ledger), *claims, now=now + retry - 1).retry_milliseconds > 0
            assert ask(dict(ledger), *claims, now=now + retry).retry_milliseconds == 0


@given(st.lists(claims, min_size=1, max_size=3), st.lists(st.integers(0, 300), min_size=1, max_size=20))
def test_what_has_ended_may_be_forgotten(claims: list[Claim], gaps: list[int]) -> None:
    ledger: Ledger = {}
    tidy: Ledger = {}
    now = NOW
    for gap in gaps:
        now += gap
        forget_ended(tidy, now_milliseconds=now)
        assert ask(tidy, *claims, now=now) == ask(ledger, *claims, now=now)
    forget_ended(tidy, now_milliseconds=now + 100_000)
    assert tidy == {}


def test_a_charge_given_back_is_as_if_it_had_not_been() -> None:
    for algorithm in ALGORITHMS:
        claim = Claim(algorithm, (bound(limit=5),))
        ledger: Ledger = {}
        ask(ledger, claim), ask(ledger, claim)
        back = GiveBack(algorithm, "k", 1000, cost=1, age_milliseconds=0)
        give_back(ledger, charges=[back], now_milliseconds=NOW)
        assert remaining(ledger, claim) == [4]
        give_back(ledger, charges=[back] * 5, now_milliseconds=NOW)
        assert remaining(ledger, claim) == [5]


def test_a_later_window_gives_nothing_back() -> None:
    for algorithm in ("fixed-window", "sliding-window"):
        claim = Claim(algorithm, (bound(limit=5),))
        ledger: Ledger = {}
        ask(ledger, claim, now=NOW + 3000)
        give_back(ledger, charges=[GiveBack(algorithm, "k", 1000, 1, 3000)], now_milliseconds=NOW + 3000)
        assert remaining(ledger, claim, now=NOW + 3000) == [4]


def test_a_sliding_window_gives_back_in_the_bucket_before() -> None:
    claim = Claim("sliding-window", (bound(limit=5),))
    ledger: Ledger = {}
    ask(ledger, claim, now=NOW + 900), ask(ledger, claim, now=NOW + 1000)
    give_back(ledger, charges=[GiveBack("sliding-window", "k", 1000, 1, 200)], now_milliseconds=NOW + 1100)
    assert remaining(ledger, claim, now=NOW + 1100) == [4]


def test_giving_back_makes_no_entry() -> None:
    ledger: Ledger = {}
    give_back(ledger, charges=[GiveBack("fixed-window", "k", 1000, 1, 0)], now_milliseconds=NOW)
    assert ledger == {}
