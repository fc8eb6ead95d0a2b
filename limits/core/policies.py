"""Policies as frozen values: what is limited, who is counted, how much, and what becomes of a refusal."""

from dataclasses import dataclass
from enum import StrEnum

from limits.core.client_keys import ClientKey
from limits.core.rates import Rate

SLUG_PATTERN = r"[a-z0-9]+(?:-[a-z0-9]+)*"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
COST_MAX = 1_000_000
PENALTY_SECONDS_MAX = 31 * 86_400
IPV6_PREFIX = 64


class Mode(StrEnum):
    """Whether a policy refuses, only tells whom it would refuse, or does nothing."""

    ENFORCE = "enforce"
    SHADOW = "shadow"
    OFF = "off"


class Algorithm(StrEnum):
    """How a rate is counted."""

    FIXED_WINDOW = "fixed-window"
    SLIDING_WINDOW = "sliding-window"
    TOKEN_BUCKET = "token-bucket"  # noqa: S105 - tokens of a bucket


class Counts(StrEnum):
    """Which outcomes stay counted: every request, or only those that went wrong."""

    EVERY = "every"
    CLIENT_ERRORS = "client-errors"
    FAILED_LOGINS = "failed-logins"


class WithoutRedis(StrEnum):
    """What holds while Redis cannot be asked."""

    ALLOW = "allow"
    REFUSE = "refuse"
    COUNT_HERE = "count-here"


@dataclass(frozen=True, slots=True)
class Policy:
    """One limit by name. No methods means all of them; rates come longest window first.

    `view` (a URL's name) or `path` (a glob) say for which requests the middleware enforces it; with neither it holds
    where code names it. Of several that refuse, the one of the highest priority tells the client.
    """

    slug: str
    title: str
    key: ClientKey
    rates: tuple[Rate, ...]
    mode: Mode = Mode.ENFORCE
    algorithm: Algorithm = Algorithm.FIXED_WINDOW
    methods: tuple[str, ...] = ()
    view: str = ""
    path: str = ""
    priority: int = 0
    ipv6_prefix: int = IPV6_PREFIX
    refusals_count: bool = False
    penalty_seconds: int = 0
    cost: int = 1
    counts: Counts = Counts.EVERY
    without_redis: WithoutRedis = WithoutRedis.ALLOW

    def __hash__(self) -> int:
        # Fast, and enough to tell apart: an override gives a policy other rates. Equals are compared by every field.
        return hash((self.slug, *[rate.limit for rate in self.rates]))

    def covers(self, method: str) -> bool:
        """Say whether a request of this method is looked at; HEAD is a GET without its body."""
        if self.mode is Mode.OFF:
            return False
        return not self.methods or ("GET" if method == "HEAD" else method) in self.methods

    @property
    def is_plain(self) -> bool:
        """Whether django-ratelimit can count it: one fixed window, one a request."""
        return (
            self.algorithm is Algorithm.FIXED_WINDOW
            and len(self.rates) == 1
            and self.cost == 1
            and not self.penalty_seconds
        )
