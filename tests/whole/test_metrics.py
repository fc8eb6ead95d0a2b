"""`/metrics` of the running portal: all of its web processes, and what ails them."""

import os
import signal
import urllib.request

import pytest

from tests.portal_process import RunningPortal
from tests.servers import wait_until

pytestmark = pytest.mark.browser
ALLOWED = 'limits_decisions_total{outcome="allowed",policy="default"}'


def scrape(portal: RunningPortal) -> dict[str, float]:
    """Return the samples by name and labels."""
    with urllib.request.urlopen(f"{portal.url}/metrics") as response:
        lines = response.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def visit(portal: RunningPortal, times: int) -> None:
    for _ in range(times):
        urllib.request.urlopen(f"{portal.url}/").close()


def test_the_processes_are_summed_and_one_that_ends_takes_no_count_along(portal: RunningPortal) -> None:
    before = scrape(portal).get(ALLOWED, 0.0)
    visit(portal, 20)
    wait_until(lambda: scrape(portal).get(ALLOWED, 0.0) == before + 20, what="all are told", seconds=10)
    workers = portal.web_workers()
    os.kill(min(workers), signal.SIGTERM)
    wait_until(lambda: len(portal.web_workers() - workers) == 1, what="another worker", seconds=30)
    assert scrape(portal)[ALLOWED] == before + 20
    visit(portal, 4)
    wait_until(lambda: scrape(portal)[ALLOWED] == before + 24, what="the new one tells too", seconds=10)


def test_a_paused_redis_is_told_and_its_return_too(portal: RunningPortal) -> None:
    server = portal.embedded_server()
    assert scrape(portal)["limits_degraded"] == 0
    os.kill(server, signal.SIGSTOP)
    try:
        wait_until(lambda: scrape(portal)["limits_degraded"] == 1, what="degraded", seconds=10)
    finally:
        os.kill(server, signal.SIGCONT)
    wait_until(lambda: scrape(portal)["limits_degraded"] == 0, what="well again", seconds=10)
