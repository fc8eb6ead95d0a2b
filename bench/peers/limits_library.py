"""The library `limits`, the engine of Flask-Limiter: the decision alone, without headers.

Takes the address of a Redis.
"""

import sys
from collections.abc import Callable
from functools import partial

from in_turns import serve, timed
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, SlidingWindowCounterRateLimiter

from limits import parse

MANY = "1000000 per hour"


def main() -> None:
    storage = storage_from_string(sys.argv[1])
    fixed, moving = FixedWindowRateLimiter(storage), MovingWindowRateLimiter(storage)
    sliding = SlidingWindowCounterRateLimiter(storage)
    few, many = parse("1 per hour"), parse(MANY)
    hits: dict[str, Callable[[], bool]] = {
        "fixed window, allowed": partial(fixed.hit, many, "fixed", "203.0.113.9"),
        "moving window, allowed": partial(moving.hit, many, "moving", "203.0.113.9"),
        "sliding window, allowed": partial(sliding.hit, many, "sliding", "203.0.113.9"),
        "fixed window, refused": partial(fixed.hit, few, "few", "203.0.113.9"),
        "moving window, refused": partial(moving.hit, few, "few moving", "203.0.113.9"),
    }

    def count(addresses: list[str]) -> None:
        for address in addresses:
            fixed.hit(many, "login", address)

    serve({f"limits, {name}": timed(hit) for name, hit in hits.items()} | {"count": count})


if __name__ == "__main__":
    main()
