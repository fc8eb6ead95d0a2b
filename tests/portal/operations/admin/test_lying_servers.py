"""A server that lies in all that it says: the watch goes on, and every page shows it, harmless."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from portal.operations.dashboard.slow_log import slow_logs
from portal.operations.models import Alert, RedisServer
from portal.operations.watching import watch
from portal.redis_address import parse_redis_address
from tests.portal.operations.backups.taking.hostile import Answer, bulk, hostile

HARM = b"<script>alert(1)</script>{{ 7*7 }}{%debug%}\x1b[31m\x00"
WORD = HARM.replace(b" ", b"")
LIES = {
    "huge": b"9" * 30,
    "huger": b"9" * 400,
    "no text to a number": b"9" * 5000,
    "negative": b"-5",
    "no number": b"nan",
    "endless": b"1e999",
    "a word": WORD,
    "nothing": b"",
}
NUMBERS = (
    b"used_memory used_memory_rss maxmemory total_system_memory mem_fragmentation_ratio mem_fragmentation_bytes "
    b"connected_clients maxclients blocked_clients total_commands_processed keyspace_hits keyspace_misses evicted_keys "
    b"expired_keys rejected_connections connected_slaves uptime_in_seconds master_repl_offset process_id "
    b"master_link_down_since_seconds rdb_last_save_time latest_fork_usec aof_enabled loading_start_time"
).split()
FAR = b":9223372036854775807\r\n"


def lying(lie: bytes) -> dict[str, Answer]:
    """What such a server answers."""
    fields = [b"%b:%b" % (name, lie) for name in NUMBERS]
    fields += [b"%b:%b" % (name, WORD) for name in (b"redis_version", b"run_id", b"role", b"maxmemory_policy")]
    fields += [b"slave0:ip=%b,port=%b,state=online,offset=%b" % (lie, lie, lie), b"errorstat_OOM:count=" + lie]
    fields += [b"# Keyspace", b"db0:keys=%b,expires=%b,avg_ttl=%b" % (lie, lie, lie)]
    client = b"id=%b addr=%b:1 name=%b idle=%b tot-mem=%b omem=%b flags=%b\n" % (lie, lie, WORD, lie, lie, lie, WORD)
    slow = b"*6\r\n:1\r\n" + FAR + b":-5\r\n*2\r\n" + b"".join(map(bulk, (b"SET", HARM, b"192.0.2.1:5", HARM)))
    return {
        "PING": b"+PONG\r\n",
        "INFO": bulk(b"\r\n".join(fields)),
        "SLOWLOG": b"*1\r\n" + slow,
        "CLIENT": bulk(client),
        "LATENCY": b"*1\r\n*4\r\n" + bulk(HARM) + FAR + b":-1\r\n" + FAR,
        "DBSIZE": FAR,
        "SCAN": b"*2\r\n" + bulk(b"0") + b"*1\r\n" + bulk(HARM + b":1"),
        "PTTL": b":-9223372036854775808\r\n",
        "MEMORY": FAR,
        "TYPE": b"+" + HARM + b"\r\n",
        "CONFIG GET": b"*2\r\n" + bulk(b"maxmemory-policy") + bulk(HARM),
        "ACL": b"+" + HARM + b"\r\n",
    }


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
@pytest.mark.django_db
def test_a_server_that_lies_harms_nobody(lie: bytes, settings: Settings) -> None:
    slow_logs.forget()
    admin, now = Client(), timezone.now()
    admin.force_login(get_user_model().objects.create_superuser("root", "root@example.org", "x"))
    with hostile(lying(lie)) as url:
        settings.REDIS = parse_redis_address(url)
        settings.RATELIMIT_STORAGE, settings.BROKER = settings.REDIS.with_database(1), settings.REDIS.with_database(2)
        for slot in range(3):
            found = watch.watch(clock=lambda at=now + slot * timedelta(seconds=15): at)
            assert found is not None
            assert found.failures == ()
        assert not Alert.objects.filter(state=Alert.State.ERROR)
        row = RedisServer.objects.get()
        assert row.failure == ""
        server = f"/admin/operations/redisserver/{row.pk}/change/"
        lists = (f"/admin/operations/{name}/" for name in ("redisserver", "alert", "alertevent", "message"))
        for page in ("/admin/", server, f"{server}?keys", *lists):
            _is_harmless(admin.get(page).content)
        _is_harmless(admin.post("/admin/operations/checklistrun/check/", follow=True).content)
    slow_logs.forget()


def _is_harmless(page: bytes) -> None:
    assert b"</html>" in page
    assert not [harm for harm in (b"<script>alert", b"\x1b", b"\x00") if harm in page]
