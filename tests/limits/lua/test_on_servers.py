"""What scripts promise of a server: one clock, an end to every key, counting when it is full, little memory."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from limits.core.ledger import Claim, GiveBack
from limits.core.windows import Algorithm, Bound
from limits.store.scripts import Script
from tests.limits.lua import scripts

ALGORITHMS: tuple[Algorithm, ...] = ("fixed-window", "sliding-window", "token-bucket")
MONTH = 31 * 86_400_000
KEY = "rl:{login:203.0.113.9}:60"
CLIENTS = 100_000
ASK_BY_A_CLOCK_THAT_IS_OFF = """
import sys, time, redis
from limits.core.ledger import Claim
from limits.core.windows import Bound
from tests.limits.lua import scripts
true_clock, shift = time.time, float(sys.argv[2])
time.time = lambda: true_clock() + shift
with redis.Redis.from_url(sys.argv[1]) as client:
    claims = [Claim(a, (Bound(f"{{k}}:{a}", 300, 300, 31 * 86_400_000),)) for a in sys.argv[3].split()]
    print(sum(scripts.charge(client, *claims)[0].retry_milliseconds == 0 for _ in range(250)))
"""


def claim(algorithm: Algorithm, *, limit: int = 5, window: int = 60_000, cost: int = 1) -> Claim:
    return Claim(algorithm, (Bound(KEY, limit, limit, window),), cost)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_callers_whose_clocks_are_5_s_apart_share_one_limit_exactly(
    server: redis.Redis, algorithm: str, root: Path
) -> None:
    url = f"unix://{server.connection_pool.connection_kwargs['path']}"
    command = [sys.executable, "-c", ASK_BY_A_CLOCK_THAT_IS_OFF, url]
    askers = [subprocess.Popen([*command, shift, algorithm], stdout=subprocess.PIPE, cwd=root) for shift in ("0", "5")]
    assert sum(int(asker.communicate(timeout=60)[0]) for asker in askers) == 300


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_many_at_once_get_exactly_the_limit(server: redis.Redis, algorithm: Algorithm) -> None:
    one = claim(algorithm, limit=77, window=MONTH)

    def ask(_: int) -> int:
        return sum(scripts.charge(server, one)[0].retry_milliseconds == 0 for _ in range(25))

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(ask, range(8))) == 77


def test_every_key_that_a_script_makes_has_an_end(server: redis.Redis) -> None:
    for n, algorithm in enumerate(ALGORITHMS):
        bound = Bound(f"{{k}}:{n}", 1, 1, 60_000)
        counting = Claim(algorithm, (bound,), refusals_count=True, penalty_milliseconds=500, penalty_key=f"{{k}}:p{n}")
        for _ in range(3):
            scripts.charge(server, counting)
        scripts.give_back(server, GiveBack(algorithm, bound.key, 60_000, 1, 0))
    scripts.count(server, "{k}:count")
    scripts.count(server, "{k}:count", limit=1)
    made = server.keys()
    assert len(made) == 7
    assert all(0 < server.pttl(key) <= 120_000 for key in made)


def test_a_refusal_makes_no_counter_and_leaves_none_behind(server: redis.Redis) -> None:
    assert scripts.count(server, KEY, amount=6, limit=5)[0] > 5
    for algorithm in ALGORITHMS:
        assert scripts.charge(server, claim(algorithm, cost=6))[0].retry_milliseconds == 60_000
    assert server.keys() == []


def test_a_look_makes_no_counter(server: redis.Redis) -> None:
    assert scripts.count(server, KEY, amount=0, limit=5) == (0, 60_000)
    for algorithm in ALGORITHMS:
        scripts.charge(server, claim(algorithm, cost=0))
    assert server.keys() == []


def test_a_count_without_a_limit_counts_what_is_refused(server: redis.Redis) -> None:
    assert [scripts.count(server, KEY)[0] for _ in range(7)] == [1, 2, 3, 4, 5, 6, 7]


def test_a_counter_without_an_end_locks_nobody_out(server: redis.Redis) -> None:
    for ask in (lambda: scripts.count(server, KEY, limit=5)[0] == 1, lambda: allowed(server)):
        server.set(KEY, 10_000)
        assert ask()
        assert 0 < server.pttl(KEY) <= 60_000


def allowed(server: redis.Redis) -> bool:
    return scripts.charge(server, claim("fixed-window"))[0].retry_milliseconds == 0


def test_a_life_beyond_the_window_is_cut_to_it(server: redis.Redis) -> None:
    # So it looks after the server's clock went back by an hour.
    server.set(KEY, 5, px=3_600_000)
    assert scripts.count(server, KEY, limit=5) == (6, 60_000)
    assert 0 < server.pttl(KEY) <= 60_000
    server.set(KEY, 5, px=3_600_000)
    assert scripts.charge(server, claim("fixed-window"))[0].retry_milliseconds == 60_000
    assert 0 < server.pttl(KEY) <= 60_000


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_of_another_type_is_written_over(server: redis.Redis, algorithm: Algorithm) -> None:
    server.hset(KEY, "a", "hash")
    assert scripts.charge(server, claim(algorithm))[0].states[0].remaining == 4
    assert server.type(KEY) == b"string"
    server.delete(KEY)
    server.rpush(KEY, "a list")
    assert scripts.count(server, KEY, limit=5)[0] == 1


@pytest.mark.parametrize(
    ("command", "ask"),
    [
        ("incrby", lambda server: scripts.count(server, KEY, limit=2)),
        ("pttl", lambda server: scripts.count(server, KEY, limit=2)),
        ("get", lambda server: scripts.count(server, KEY, amount=0)),
        ("get", lambda server: scripts.charge(server, claim("sliding-window"))),
        ("set", lambda server: scripts.charge(server, claim("token-bucket"))),
    ],
)
def test_what_a_script_may_not_do_is_told_and_never_passes_for_a_fresh_counter(
    server: redis.Redis, command: str, ask: Callable[[redis.Redis], object]
) -> None:
    scripts.count(server, KEY, limit=2)
    server.acl_setuser("default", commands=[f"-{command}"])
    try:
        with pytest.raises(redis.ResponseError, match=r"can't run|permission|ACL"):
            ask(server)
    finally:
        server.acl_setuser("default", commands=["+@all"])


def test_one_rate_becomes_two_and_keeps_its_counts(server: redis.Redis) -> None:
    for _ in range(3):
        scripts.count(server, KEY, limit=5)
    hour = Bound("rl:{login:203.0.113.9}:3600", 9, 9, 3_600_000)
    both = Claim("fixed-window", (hour, Bound(KEY, 5, 5, 60_000)))
    assert [state.remaining for state in scripts.charge(server, both)[0].states] == [8, 1]
    assert scripts.count(server, KEY, limit=5)[0] == 5


def test_scripts_go_on_counting_on_a_full_server(server: redis.Redis) -> None:
    scripts.charge(server, claim("fixed-window"))
    server.config_set("maxmemory-policy", "noeviction")
    server.config_set("maxmemory", "1mb" if server.info("memory")["used_memory"] > 2**20 else "100kb")
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        server.set("another", "value")
    assert scripts.charge(server, claim("fixed-window"))[0].states[0].remaining == 3
    for n in range(500):
        bounds = (Bound(f"{{new{n}}}:s", 5, 5, 60_000), Bound(f"{{new{n}}}:t", 5, 5, 9000))
        assert scripts.charge(server, Claim("sliding-window", bounds))[0].states[0].remaining == 4
        assert scripts.count(server, f"new{n}", limit=5)[0] == 1
    assert scripts.give_back(server, GiveBack("fixed-window", KEY, 60_000, 1, 0)) == [1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_servers_clock_decides_what_is_given_back(server: redis.Redis, algorithm: Algorithm) -> None:
    one = claim(algorithm, window=MONTH)
    scripts.charge(server, one), scripts.charge(server, one)
    back = GiveBack(algorithm, KEY, MONTH, 1, 0)
    assert scripts.give_back(server, back, GiveBack(algorithm, "none", MONTH, 1, 0)) == [1, 0]
    assert remaining(server, algorithm) == 4
    # Of a bucket, a part of the last token has flowed in by now, and the rest is no whole one.
    assert scripts.give_back(server, *[back] * 3)[1:] == [0, 0]
    assert remaining(server, algorithm) == 5
    assert server.pttl(KEY) > 0


def remaining(server: redis.Redis, algorithm: Algorithm) -> int:
    return scripts.charge(server, claim(algorithm, window=MONTH, cost=0))[0].states[0].remaining


def test_a_window_begun_after_the_charge_gives_nothing_back(server: redis.Redis) -> None:
    scripts.charge(server, claim("fixed-window"))
    assert scripts.give_back(server, GiveBack("fixed-window", KEY, 60_000, 1, 5000)) == [0]


@pytest.mark.parametrize("_server_of_each_kind", ["redis-7.0"], indirect=True)
def test_a_client_costs_at_most_135_bytes(server: redis.Redis, capsys: pytest.CaptureFixture[str]) -> None:
    told = {
        "fixed window, count.lua": used_by_each_client(server, "", scripts.COUNT, [1, 60_000, 5]),
        **{
            algorithm: used_by_each_client(server, suffix, *charging(algorithm))
            for algorithm, suffix in zip(ALGORITHMS, ("", "s", "b"), strict=True)
        },
    }
    with capsys.disabled():
        print("\nBytes a client:", *(f"{name} {size:.0f}," for name, size in told.items()))
    assert told["fixed window, count.lua"] <= 135
    assert told["fixed-window"] <= 135


def charging(algorithm: Algorithm) -> tuple[Script, list[object]]:
    claims = [claim(algorithm)]
    return scripts.charging(claims), scripts.charge_call(claims, now="")[1]


def used_by_each_client(server: redis.Redis, suffix: str, asked: Script, arguments: list[object]) -> float:
    """Return the bytes of `used_memory` that each of many clients costs."""
    server.execute_command("FLUSHALL", "SYNC")
    server.script_load(asked.text)
    server.evalsha(asked.sha, 1, "first", *arguments)
    before = server.info("memory")["used_memory"]
    with server.pipeline(transaction=False) as pipe:
        for n in range(CLIENTS):
            address = f"{n % 223 + 1}.{n // 223 % 256}.{n * 7 % 256}.{n // 57_088 * 97 + 11}"
            pipe.evalsha(asked.sha, 1, f"rl:{{login:{address}}}:60{suffix}", *arguments)
            if n % 2000 == 1999:
                pipe.execute()
        pipe.execute()
    assert server.dbsize() == CLIENTS + 1
    return (server.info("memory")["used_memory"] - before) / CLIENTS
