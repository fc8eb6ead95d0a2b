"""Requests of many threads at once, each timed, through the whole of Django."""

import statistics
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.http.response import HttpResponseBase
from django.test import Client

from limits.enforcement import check
from tests.limits import making

THREADS = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request got, and after how many seconds."""

    response: HttpResponseBase
    seconds: float

    @property
    def status(self) -> int:
        return self.response.status_code


def storm(path: str, *, requests: int = 5, address: str = "203.0.113.9") -> list[Answer]:
    """Return the answers to so many requests of each of the threads, all at once."""
    answers: list[Answer] = []
    begin = threading.Barrier(THREADS)

    def work() -> None:
        client = Client(REMOTE_ADDR=address, raise_request_exception=False)
        # Else each client's first request would, which takes as long as a third of the wait that is promised.
        client.handler.load_middleware()
        begin.wait()
        for _ in range(requests):
            answers.append(timed(client, path))

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def timed(client: Client, path: str) -> Answer:
    """Return the answer to one request."""
    began = time.monotonic()
    response = client.get(path)
    return Answer(response, time.monotonic() - began)


def statuses(answers: Sequence[Answer]) -> dict[int, int]:
    """Return how many answers had which status."""
    return dict(Counter(answer.status for answer in answers))


def waits(answers: Sequence[Answer]) -> list[float]:
    """Return how many seconds the slowest took, one for each thread, the longest first."""
    return sorted((answer.seconds for answer in answers), reverse=True)[:THREADS]


def median_decision_seconds(slug: str, *, decisions: int = 200) -> float:
    """Return how long a decision takes now, by itself."""
    requests = [making.request(address="198.51.100.1") for _ in range(decisions)]
    taken = []
    for request in requests:
        began = time.perf_counter()
        check(request, slug)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)
