"""A year of samples of a large set of servers, made by the database itself. For processes in which Django is set up."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection

from portal.operations.models import RedisServer, Sample
from portal.operations.watching.samples.thinning import KEPT
from portal.operations.watching.turns import slot_of

SERVERS = 87
"""As many as leave two million samples in a year."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_MOMENT = {
    "sqlite": "strftime('%%Y-%%m-%%d %%H:%%M:%%S', (%(last)s - %(rows)s + n.number) * %(span)s, 'unixepoch')",
    "mysql": "TIMESTAMP('1970-01-01') + INTERVAL ((%(last)s - %(rows)s + n.number) * %(span)s) SECOND",
}
_MANY = {"sqlite": "", "mysql": "SET max_recursive_iterations = 100000"}
_INSERT = """
INSERT INTO operations_sample (
    server_id, span_seconds, at, seconds, used_memory_bytes, limit_bytes, rss_bytes, clients, {keys},
    latency_microseconds, commands, hits, misses, evicted, expired, errors, rejected_connections, restarts
)
WITH RECURSIVE n(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM n WHERE number < %(rows)s)
SELECT
    s.id, %(span)s, {moment}, %(span)s, 1000000000 + n.number * 1000, 4000000000, 1200000000, 50, 100000, 300,
    %(span)s * 100, %(span)s * 80, %(span)s * 5, 0, %(span)s, 0, 0, 0
FROM n CROSS JOIN operations_redisserver s
WHERE s.is_in_use
"""


def fill(*, now: datetime, servers: int = SERVERS) -> int:
    """Make servers, and all samples that thinning leaves of them by now; return how many samples there are."""
    made = [_server(number, now=now) for number in range(servers)]
    RedisServer.objects.bulk_create(made)
    # `keys` is a word of SQL.
    statement = _INSERT.format(moment=_MOMENT[connection.vendor], keys=connection.ops.quote_name("keys"))
    with connection.cursor() as cursor:
        if first := _MANY[connection.vendor]:
            cursor.execute(first)
        for span, kept in KEPT.items():
            ended = slot_of(now, every=timedelta(seconds=span)) - _EPOCH
            cursor.execute(
                statement,
                {"span": int(span), "rows": kept // timedelta(seconds=span), "last": ended // timedelta(seconds=span)},
            )
    return Sample.objects.count()


def _server(number: int, *, now: datetime) -> RedisServer:
    # The site's own is there, and is asked; at the others nobody answers.
    place = f"127.0.0.1:{number}" if number else settings.REDIS.place
    return RedisServer(place=place, source="redis, limits", role="primary", first_seen_at=now, looked_at=now)
