"""What a decision costs, over loopback TCP: ours, plain django-ratelimit's, and one bare EVALSHA.

All are timed in turns, round by round, so that a noisy machine disturbs all alike; each figure is the median over the
rounds. Ratios are what counts: microseconds are this machine's, at this moment.
"""

import os
import tempfile
from pathlib import Path

from bench.contenders import CALLS_PER_ROUND, Contender

ROUNDS = 40


def main() -> None:
    """Start a server, take turns, print the figures."""
    from tests.servers import free_port, start_redis

    with tempfile.TemporaryDirectory(prefix="portal-bench-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PORTAL_VAR": folder,
            "SECRET_KEY": "a key for benchmarks, and for nothing else",
            "REDIS_URL": f"redis://127.0.0.1:{(port := free_port())}",
        }
        server = start_redis(Path(folder) / "redis", program="redis-server", port=port)
        try:
            print(_report(*_contenders()))
        finally:
            server.stop()


def _contenders() -> tuple[list[Contender], str]:
    import django
    from django.conf import settings

    settings.CACHES["plain"] = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": settings.RATELIMIT_STORAGE.url}
    django.setup()
    from bench.decisions import contenders

    return contenders(), f"{CALLS_PER_ROUND} calls a turn, {ROUNDS} turns each"


def _report(contenders: list[Contender], method: str) -> str:
    for contender in contenders:
        contender.take_turn()
        contender.microseconds.clear()
    for _ in range(ROUNDS):
        for contender in contenders:
            contender.take_turn()
    by_name = {contender.name: contender for contender in contenders}
    bare = by_name["one bare EVALSHA"].median
    lines = [f"{'':52}{'µs':>8}{'to EVALSHA':>12}{'to plain':>10}   ({method})"]
    for contender in contenders:
        peer = by_name["plain django-ratelimit, " + ("refused" if "refused" in contender.name else "allowed")]
        ratios = f"{contender.median / bare:12.2f}{contender.median / peer.median:10.2f}"
        lines.append(f"{contender.name:52}{contender.median:8.0f}{ratios}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
