import pytest

from limits.core.decisions import Basis, Decision, RateState
from limits.core.policies import Mode, WithoutRedis
from limits.core.rates import Rate
from limits.core.tallies import OUTCOMES, outcome_of, refused
from tests.limits import making

TEN = Rate(10, 60)


def decided(remaining: int, *, retry: int = 0, mode: Mode = Mode.ENFORCE, **values: object) -> str:
    """Return the name of the outcome of a decision on one rate of ten a minute."""
    policy = making.policy("login", TEN, mode=mode)
    return OUTCOMES[outcome_of(Decision(policy, "a", (RateState(TEN, remaining, 60_000, retry),), **values))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("remaining", "outcome"), [(9, "allowed"), (2, "allowed"), (1, "near_limit"), (0, "near_limit")]
)
def test_with_less_than_a_fifth_left_a_client_is_near_the_limit(remaining: int, outcome: str) -> None:
    assert decided(remaining) == outcome


def test_of_a_bucket_a_fifth_of_its_burst_is_near() -> None:
    bucket = Rate(10, 60, burst=20)
    for remaining, outcome in ((3, "near_limit"), (4, "allowed")):
        states = (RateState(bucket, remaining, 60_000),)
        assert OUTCOMES[outcome_of(Decision(making.policy("login", bucket), "a", states))] == outcome


def test_a_refusal_counts_as_refused_and_in_shadow_as_refused_in_shadow() -> None:
    assert decided(0, retry=1) == "refused"
    assert decided(0, retry=1, mode=Mode.SHADOW) == "shadow_refused"


def test_a_penalty_and_a_denial_count_as_refused() -> None:
    assert decided(9, wait_milliseconds=1) == "refused"
    assert decided(9, wait_milliseconds=1, basis=Basis.DENIED) == "refused"


def test_what_could_not_be_counted_goes_by_what_the_policy_says() -> None:
    for says, outcome in ((WithoutRedis.ALLOW, "allowed"), (WithoutRedis.REFUSE, "refused")):
        policy = making.policy("login", without_redis=says)
        assert OUTCOMES[outcome_of(Decision(policy, "a", basis=Basis.UNCOUNTED))] == outcome


@pytest.mark.parametrize("retries", [(0, 1), (1, 0)])
@pytest.mark.parametrize("remaining", [0, 5, 9])
def test_the_outcome_is_what_the_decision_itself_says(retries: tuple[int, int], remaining: int) -> None:
    states = tuple(RateState(TEN, remaining, 60_000, retry) for retry in retries)
    for mode in (Mode.ENFORCE, Mode.SHADOW):
        decision = Decision(making.policy("login", TEN, mode=mode), "a", states)
        outcome = OUTCOMES[outcome_of(decision)]
        assert (outcome == "refused") == (not decision.allowed)
        assert (outcome in ("refused", "shadow_refused")) == decision.over


def test_what_a_client_typed_is_kept_short_and_in_plain_letters() -> None:
    kept = refused(at=1.0, policy="login", client="c" * 900, method="POST" * 9, path="/a\n\x00<script>é" + "x" * 900)
    assert kept.place.isascii()
    assert kept.place.isprintable()
    assert kept.place.startswith("POSTPOSTPO /a%0A%00%3Cscript%3E%C3%A9xxx")
    assert len(kept.place) <= 200
    assert len(kept.client) == 200


def test_a_known_route_stands_for_the_path() -> None:
    kept = refused(at=1.0, policy="login", client="c", method="GET", path="/reset/secret/", route="reset/<token>/")
    assert kept.place == "GET /reset/<token>/"
    assert refused(at=1.0, policy="login", client="c", method="GET", path="/", route="").place == "GET /"
