"""A slow or silent line: how often it is tried, by whom, and what is left open."""

import statistics
import time
from functools import partial

import pytest

from limits.in_force import policies_in_force
from limits.store.connection import breaker, forget_kept
from tests.limits.faults.promises import LIMIT, PROMISED_WAIT_SECONDS, is_counted
from tests.limits.faults.proxy import slow_line
from tests.limits.faults.server import HurtServer
from tests.limits.faults.storm import THREADS, statuses, storm, waits
from tests.servers import wait_until

pytestmark = [pytest.mark.alone, pytest.mark.server, pytest.mark.urls("tests.limits.faults.urls")]


def test_no_request_probes_a_server_that_hangs_while_a_keeper_lives(valkey: HurtServer, kept: None) -> None:
    assert is_counted()
    place = f"{valkey.socket_path}.slow"
    with slow_line(place, to=valkey.socket_path) as line:
        line.delay_seconds = 10
        valkey.lead_to(place)
        valkey.tell("CLIENT", "KILL", "TYPE", "normal")
        storm("/allow")
        before, began = line.connections, time.monotonic()
        while time.monotonic() - began < 3:
            storm("/allow")
        assert 1 <= line.connections - before <= 5
        valkey.lead_to(valkey.socket_path)


def test_a_line_80_ms_late_is_counted_over_and_holds_nobody_longer_than_promised(
    valkey: HurtServer, kept: None
) -> None:
    """Of ten tries, each with new connections, the best is judged."""
    # A server that knows no script yet takes a round trip more.
    storm("/allow", requests=1, address="203.0.113.13")
    place = f"{valkey.socket_path}.slow"
    all_counted = {200: LIMIT, 429: THREADS * 3 - LIMIT}
    tries = []
    with slow_line(place, to=valkey.socket_path) as line:
        line.delay_seconds = 0.08
        valkey.lead_to(place)
        for nth in range(10):
            wait_until(partial(is_counted, f"198.51.100.{nth}"), what="counting", seconds=8)
            # Not by the server, whose word that it closed them would come late too.
            forget_kept()
            answers = storm("/allow", requests=3, address=f"203.0.113.{20 + nth}")
            tries.append((statistics.median(waits(answers)), statuses(answers)))
            if tries[-1][0] < PROMISED_WAIT_SECONDS and tries[-1][1] == all_counted:
                break
        valkey.lead_to(valkey.socket_path)
    assert tries[-1][0] < PROMISED_WAIT_SECONDS, tries
    assert tries[-1][1] == all_counted, tries


def test_who_opens_a_slow_connection_asks_nothing_more_and_leaves_it_to_the_next(valkey: HurtServer) -> None:
    """Opening and asking together would be longer than promised."""
    place = f"{valkey.socket_path}.slow"
    with slow_line(place, to=valkey.socket_path) as line:
        valkey.lead_to(place)
        policies_in_force.look()
        line.delay_seconds = 0.16
        assert not is_counted()
        assert not breaker.is_open
        line.delay_seconds = 0.0
        before = line.connections
        assert is_counted()
        assert line.connections == before
        valkey.lead_to(valkey.socket_path)


def test_no_request_looks_at_what_changed_while_a_keeper_lives(valkey: HurtServer, round_trips: list[str]) -> None:
    """On a slow line that would be a second wait."""
    breaker.kept()
    assert is_counted()
    round_trips.clear()
    policies_in_force._looks_again_at = 0.0
    assert is_counted()
    assert round_trips == ["EVALSHA"]


def test_threads_that_end_leave_no_connection_open(valkey: HurtServer) -> None:
    """Under ASGI each request has a thread of its own, and so it has under runserver."""
    for nth in range(120 // THREADS):
        storm("/allow", requests=1, address=f"192.0.2.{nth}")
    assert valkey.client.info("clients")["connected_clients"] <= 2 * THREADS
    assert is_counted()
