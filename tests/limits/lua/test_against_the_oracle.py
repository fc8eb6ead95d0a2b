"""Scripts and plain Python give the same answers on random traffic, on Redis and on Valkey.

Virtual time passes without sleeping: sliding windows and buckets are told the moment; what a key's life ends gets,
before each step, the life that the ledger gives it. All times that a life decides are multiples of STEP_MILLISECONDS.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limits.core import ledger as oracle
from limits.core.ledger import Answer, Claim, GiveBack, Ledger, Penalty, Verdict
from limits.core.windows import EMPTY, Algorithm, Bound, FixedWindow, SlidingWindow
from limits.store.scripts import Script
from tests.limits.lua import scripts

START = 1_795_417_631_000
MONTH = 31 * 86_400_000
STEP_MILLISECONDS = 100
TOLERANCE_MILLISECONDS = 60
FOREVER_MILLISECONDS = 2**42
SUFFIXES: dict[Algorithm, str] = {"fixed-window": "", "sliding-window": "s", "token-bucket": "b"}
GARBAGE = ("", "-3", "12x", "1e3", "nan", "0x10", "1:2", "1:2:3:4", "7", f"{START}:4000000000:0", "9" * 30 + ":1:0")

on_a_real_server = settings(max_examples=100, suppress_health_check=list(HealthCheck))


@dataclass
class Both:
    """The same traffic for the scripts and for the oracle."""

    client: redis.Redis
    now: int = START
    ledger: Ledger = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client.flushall()

    def pass_time(self, milliseconds: int) -> None:
        """Let time pass: what has ended is gone, as it would be in Redis."""
        self.now += milliseconds
        if ended := [key for key, entry in self.ledger.items() if entry.ends_at <= self.now]:
            self.client.delete(*ended)
        oracle.forget_ended(self.ledger, now_milliseconds=self.now)

    def charge(self, *claims: Claim) -> Answer:
        """Charge both; fail where their answers, or what they keep and for how long, differ."""
        keys, arguments = scripts.charge_call(claims, now=self.now)
        flat, lives = self._run(scripts.charging(claims), keys, arguments)
        before = dict(self.ledger)
        expected = oracle.charge(self.ledger, claims=claims, now_milliseconds=self.now)
        assert_same(scripts.verdicts(claims, flat), expected.verdicts, claims)
        self._assert_kept(keys, lives, written={key for key in keys if self.ledger.get(key) is not before.get(key)})
        return expected

    def give_back(self, *charges: GiveBack) -> None:
        """Give back on both sides."""
        keys, arguments = scripts.give_back_call(charges, now=self.now)
        _, lives = self._run(scripts.GIVE_BACK, keys, arguments)
        oracle.give_back(self.ledger, charges=charges, now_milliseconds=self.now)
        self._assert_kept(keys, lives, written=set())

    def _run(self, asked: Script, keys: Sequence[str], arguments: Sequence[object]) -> tuple[list[int], list[int]]:
        self.client.script_load(asked.text)
        # One transaction is one moment to the server: no key ends within it.
        with self.client.pipeline(transaction=True) as pipe:
            for key, entry in self.ledger.items():
                if isinstance(entry, FixedWindow | SlidingWindow | Penalty):
                    pipe.pexpire(key, entry.ends_at - self.now)
            before = len(pipe.command_stack)
            pipe.evalsha(asked.sha, len(keys), *keys, *arguments)
            for key in keys:
                pipe.pttl(key)
            for key in {*keys, *self.ledger}:
                # Virtual time ends it, however long the next step is in coming; its life may be a millisecond.
                pipe.pexpire(key, FOREVER_MILLISECONDS)
            answers = pipe.execute()[before:]
        return answers[0], answers[1 : 1 + len(keys)]

    def _assert_kept(self, keys: Sequence[str], lives: Sequence[int], *, written: set[str]) -> None:
        for key, life in zip(keys, lives, strict=True):
            entry = self.ledger.get(key)
            if entry is None:
                assert life == -2
            elif key in written or isinstance(entry, FixedWindow | SlidingWindow | Penalty):
                assert abs(life - (entry.ends_at - self.now)) <= TOLERANCE_MILLISECONDS
            else:
                assert life > FOREVER_MILLISECONDS // 2


def assert_same(told: Sequence[Verdict], expected: Sequence[Verdict], claims: Sequence[Claim]) -> None:
    for one, other, claim in zip(told, expected, claims, strict=True):
        assert abs(one.penalty_milliseconds - other.penalty_milliseconds) <= TOLERANCE_MILLISECONDS
        if claim.algorithm != "fixed-window":
            assert one.states == other.states
            continue
        for ours, theirs in zip(one.states, other.states, strict=True):
            assert ours.remaining == theirs.remaining
            assert abs(ours.reset_milliseconds - theirs.reset_milliseconds) <= TOLERANCE_MILLISECONDS
            assert abs(ours.retry_milliseconds - theirs.retry_milliseconds) <= TOLERANCE_MILLISECONDS
            assert bool(ours.retry_milliseconds) == bool(theirs.retry_milliseconds)


@dataclass(frozen=True)
class Kind:
    """What of a policy no edit changes here: its algorithm and windows."""

    slug: str
    algorithm: Algorithm
    windows: tuple[int, ...]


def kinds(algorithms: Sequence[Algorithm], windows: st.SearchStrategy[int]) -> st.SearchStrategy[list[Kind]]:
    one = st.tuples(st.sampled_from(algorithms), st.lists(windows, min_size=1, max_size=4, unique=True))
    return st.lists(one, min_size=1, max_size=3).map(
        lambda drawn: [Kind(f"p{n}", algorithm, tuple(windows)) for n, (algorithm, windows) in enumerate(drawn)]
    )


@st.composite
def claims_of(draw: st.DrawFn, kind: Kind, client: str, limits: st.SearchStrategy[int]) -> Claim:
    """Return a claim of this policy as it stands at some moment: all but its kind may have been edited."""
    bounds = []
    for window in kind.windows:
        key, limit = f"rl:{{{kind.slug}:{client}}}:{window // 1000}{SUFFIXES[kind.algorithm]}", draw(limits)
        capacity = draw(st.one_of(st.just(limit), limits)) if kind.algorithm == "token-bucket" else limit
        bounds.append(Bound(key, limit, capacity, window))
    return Claim(
        kind.algorithm,
        tuple(bounds),
        cost=draw(st.one_of(st.sampled_from((0, 1, 1, 1, 2, 5)), limits)),
        enforces=draw(st.sampled_from((True, True, False))),
        refusals_count=draw(st.sampled_from((False, False, True))),
        penalty_milliseconds=draw(st.sampled_from((0, 0, 500, 30_000))),
        penalty_key=f"rl:{{{kind.slug}:{client}}}:penalty",
    )


@given(st.data())
@on_a_real_server
def test_random_traffic_of_every_algorithm_is_answered_alike(server: redis.Redis, data: st.DataObject) -> None:
    both = Both(server)
    site = data.draw(kinds(("fixed-window", "sliding-window", "token-bucket"), st.sampled_from((1000, 3000, 60_000))))
    steps = st.sampled_from((0, 0, 0, 1, 2, 5, 9, 20, 31, 700, -4)).map(lambda n: n * STEP_MILLISECONDS)
    charged: list[tuple[int, Claim]] = []
    for _ in range(data.draw(st.integers(1, 25))):
        both.pass_time(data.draw(steps))
        client = data.draw(st.sampled_from(("203.0.113.9", "203.0.113.10")))
        claims = [data.draw(claims_of(kind, client, st.integers(1, 6))) for kind in site]
        both.charge(*claims)
        charged += [(both.now, claim) for claim in claims]
        if charged and data.draw(st.sampled_from((False, False, True))):
            moment, claim = data.draw(st.sampled_from(charged))
            age = max(0, both.now - moment)
            both.give_back(*(GiveBack(claim.algorithm, b.key, b.window, claim.cost, age) for b in claim.bounds))


@given(st.data())
@on_a_real_server
def test_large_limits_and_long_windows_are_answered_alike_to_the_millisecond(
    server: redis.Redis, data: st.DataObject
) -> None:
    both = Both(server)
    site = data.draw(kinds(("sliding-window", "token-bucket"), st.integers(1, MONTH // 1000).map(lambda s: s * 1000)))
    limits = st.one_of(st.integers(1, 20), st.integers(1, 10_000_000), st.integers(9_999_990, 10_000_000))
    gaps = st.one_of(st.integers(0, 3), st.integers(0, 100_000), st.integers(0, 2 * MONTH), st.integers(-1000, 0))
    for _ in range(data.draw(st.integers(1, 20))):
        both.pass_time(data.draw(gaps))
        claims = [data.draw(claims_of(kind, "203.0.113.9", limits)) for kind in site]
        both.charge(*(Claim(c.algorithm, c.bounds, c.cost, c.enforces, c.refusals_count) for c in claims))


@given(st.data())
@on_a_real_server
def test_a_foreign_value_is_nothing_or_ends_with_its_window(server: redis.Redis, data: st.DataObject) -> None:
    both = Both(server)
    (kind,) = data.draw(kinds(("fixed-window", "sliding-window", "token-bucket"), st.just(60_000)).filter(one_only))
    claim = data.draw(claims_of(kind, "203.0.113.9", st.integers(1, 6)))
    key, value = claim.bounds[0].key, data.draw(st.sampled_from(GARBAGE))
    life = data.draw(st.sampled_from((0, 30_000)))
    server.set(key, value, px=life or None)
    # A fixed window without an end is none; the others bring their end along.
    ends_at = both.now + (life or (0 if kind.algorithm == "fixed-window" else FOREVER_MILLISECONDS))
    state = type(EMPTY[kind.algorithm]).read(value, ends_at=ends_at)
    if state and state.ends_at > both.now:
        both.ledger[key] = state
    told = scripts.charge(server, claim, now=both.now)
    assert_same(told, oracle.charge(both.ledger, claims=[claim], now_milliseconds=both.now).verdicts, [claim])
    server.delete(key)
    server.rpush(key, "a list")
    both.ledger.clear()
    server.delete(claim.penalty_key)
    told = scripts.charge(server, claim, now=both.now)
    assert_same(told, oracle.charge(both.ledger, claims=[claim], now_milliseconds=both.now).verdicts, [claim])


def one_only(kinds: list[Kind]) -> bool:
    return len(kinds) == 1


@given(st.data())
@on_a_real_server
def test_one_counter_is_answered_alike_by_both_scripts(server: redis.Redis, data: st.DataObject) -> None:
    both = Both(server)
    counts = 0
    for _ in range(data.draw(st.integers(1, 20))):
        limit, amount = data.draw(st.integers(1, 8)), data.draw(st.integers(0, 3))
        claim = Claim("fixed-window", (Bound("k", limit, limit, 60_000),), amount)
        room = limit - counts
        told, _ = scripts.count(server, "k", amount=amount, window=60_000, limit=limit)
        assert (told > limit) == (amount > room)
        (state,) = oracle.charge(both.ledger, claims=[claim], now_milliseconds=both.now).verdicts[0].states
        counts += amount if amount <= room else 0
        assert state.remaining == max(0, limit - counts)
        assert scripts.count(server, "k", amount=0)[0] == counts
        (state,) = scripts.charge(server, Claim("fixed-window", claim.bounds, 0))[0].states
        assert state.remaining == max(0, limit - counts)
