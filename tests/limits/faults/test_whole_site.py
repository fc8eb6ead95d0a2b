"""A whole site, seen from outside, while its Redis is hurt."""

import os
import secrets
import signal
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.limits.faults import site as sites
from tests.limits.faults.promises import PROMISED_RETURN_SECONDS, PROMISED_WAIT_SECONDS, SERVERS
from tests.limits.faults.site import Site, running_site
from tests.servers import wait_until

pytestmark = [pytest.mark.alone, pytest.mark.server, pytest.mark.urls("tests.limits.faults.urls")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site"), program=SERVERS["redis-7.0"]) as running:
        yield running


@contextmanager
def site_killed(site: Site) -> Iterator[None]:
    os.kill(site.redis.process.pid, signal.SIGKILL)
    yield
    site.restart_redis()


@contextmanager
def site_paused(site: Site) -> Iterator[None]:
    os.kill(site.redis.process.pid, signal.SIGSTOP)
    yield
    os.kill(site.redis.process.pid, signal.SIGCONT)


@contextmanager
def site_slow_by_300_ms(site: Site) -> Iterator[None]:
    site.line.delay_seconds = 0.3
    yield
    site.line.delay_seconds = 0.0


@pytest.mark.slow
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("fault", [site_killed, site_paused, site_slow_by_300_ms])
def test_a_whole_site_holds_its_promises(
    fault: Callable[[Site], AbstractContextManager[None]], nth: int, site: Site
) -> None:
    """Gunicorn's processes, each with its keeper, a line over TCP: killed, paused and slow, each once more after."""
    address, another = (f"{network}.{secrets.randbelow(250)}" for network in ("203.0.113", "198.51.100"))
    everybody = sites.THREADS * 5
    wait_until(lambda: site.is_counted(another), what="counting", seconds=5)
    with fault(site):
        let_in = site.storm(sites.PAGES["allow"], address=address)
        refused = site.storm(sites.PAGES["refuse"], address=address)
        here = Counter(answer.status for answer in site.storm(sites.PAGES["count-here"], address=address))
        state = site.state()
    assert Counter(answer.status for answer in let_in) == {200: everybody}
    assert Counter(answer.status for answer in refused) == {503: everybody}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    # What the processes let through together is the limit, when both were asked often enough.
    assert sites.LIMIT // 2 <= here[200] <= sites.LIMIT
    assert here[200] + here[429] == everybody
    assert state["limiter"] == "degraded"
    assert statistics.median(sorted(answer.seconds for answer in let_in)[-sites.THREADS :]) < PROMISED_WAIT_SECONDS
    wait_until(lambda: site.is_counted(another), what="counting", seconds=PROMISED_RETURN_SECONDS)
