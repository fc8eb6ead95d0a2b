"""A real Prometheus at the running portal: what it scrapes, and which rules fire."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.monitoring.prometheus import Prometheus, start_prometheus
from tests.portal_process import RunningPortal
from tests.servers import wait_until

pytestmark = pytest.mark.browser
# A new portal has no backup yet; other tests of this portal leave channels behind that nobody answers.
WAITED_FOR = {"PortalBackupMissing", "PortalChannelFailing", "PortalMessagesStuck"}


@pytest.fixture
def prometheus(portal: RunningPortal, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the portal, which needs no token on this machine."""
    prometheus = start_prometheus(tmp_path, target=f"127.0.0.1:{portal.port}")
    yield prometheus
    prometheus.server.stop()


def test_a_portal_that_is_well_is_scraped_and_no_rule_fires(prometheus: Prometheus) -> None:
    def has(expression: str) -> bool:
        return bool(prometheus.query(expression))

    wait_until(lambda: has('up{job="portal"} == 1'), what="scraped")
    wait_until(
        lambda: has("time() - portal_redis_last_look_timestamp_seconds < 30"), what="looked at Redis", seconds=60
    )
    wait_until(lambda: has("time() - portal_worker_last_seen_timestamp_seconds < 30"), what="a worker", seconds=60)
    wait_until(lambda: has("time() - portal_beat_last_sent_timestamp_seconds < 120"), what="beat", seconds=120)
    assert has("portal_redis_up == 1 and portal_redis_memory_limit_bytes > portal_redis_memory_used_bytes")
    assert has("min(limits_policies_revision_oldest) == max(portal_policies_revision)")
    wait_until(lambda: all(rule["health"] == "ok" for rule in prometheus.rules()), what="all are judged")
    wait_until(lambda: at_work(prometheus) <= WAITED_FOR, what="no rule fires, nor is about to", seconds=90)
    assert not prometheus.firing()


def at_work(prometheus: Prometheus) -> set[str]:
    """Return the names of rules that fire or are about to."""
    return {rule["name"] for rule in prometheus.rules() if rule["state"] != "inactive"}
