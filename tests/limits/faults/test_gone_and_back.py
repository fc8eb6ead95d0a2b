"""A server that goes and comes back, and what processes know by themselves meanwhile."""

import pytest

from tests.limits.faults.promises import LIMIT, PROCESSES, PROMISED_RETURN_SECONDS, is_counted
from tests.limits.faults.server import HurtServer
from tests.limits.faults.storm import THREADS, statuses, storm
from tests.servers import wait_until

pytestmark = [pytest.mark.alone, pytest.mark.server, pytest.mark.urls("tests.limits.faults.urls")]


def test_a_server_that_was_restarted_empty_counts_anew_with_the_policies_in_force(
    server: HurtServer, kept: None
) -> None:
    """Of three tries the best is judged: on a busy machine a wire may open too late, and that request counts here."""
    tries = []
    for _ in range(3):
        storm("/count-here", requests=1)
        server.kill()
        server.start()
        wait_until(is_counted, what="counting", seconds=PROMISED_RETURN_SECONDS)
        answers = storm("/count-here")
        assert all("RateLimit" in answer.response for answer in answers)
        tries.append(statuses(answers))
        if tries[-1] == {200: LIMIT, 429: THREADS * 5 - LIMIT}:
            return
    pytest.fail(f"let in and refused: {tries}")


def test_known_refusals_are_refused_while_redis_is_away(valkey: HurtServer, kept: None) -> None:
    storm("/allow")
    valkey.kill()
    assert statuses(storm("/allow")) == {429: THREADS * 5}


def test_a_redis_that_comes_and_goes_gives_no_client_a_share_anew(valkey: HurtServer, kept: None) -> None:
    share = LIMIT // PROCESSES
    told = []
    for _ in range(2):
        valkey.kill()
        told.append(statuses(storm("/count-here")))
        valkey.start()
        wait_until(is_counted, what="counting", seconds=PROMISED_RETURN_SECONDS)
    assert told == [{200: share, 429: THREADS * 5 - share}, {429: THREADS * 5}]
