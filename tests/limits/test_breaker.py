import logging

import pytest

from limits.breaker import ERRORS_SECONDS, KEPT_SECONDS, LOG_SECONDS, PROBE_SECONDS, Breaker


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock=clock)


@pytest.fixture
def failed(breaker: Breaker) -> Breaker:
    """A breaker whose store has just not answered."""
    breaker.failed("timed out")
    return breaker


def test_a_store_that_answers_is_always_asked(breaker: Breaker) -> None:
    breaker.succeeded()
    assert all(breaker.may_ask() for _ in range(3))
    assert not breaker.is_open


def test_a_store_that_did_not_answer_is_left_alone_for_a_second(failed: Breaker, clock: Clock) -> None:
    assert failed.is_open
    assert not failed.may_ask()
    clock.now = PROBE_SECONDS - 0.001
    assert not failed.may_ask()


def test_after_a_second_one_caller_probes_and_the_others_go_on(failed: Breaker, clock: Clock) -> None:
    clock.now = PROBE_SECONDS
    assert [failed.may_ask() for _ in range(4)] == [True, False, False, False]


def test_a_probe_that_fails_costs_one_wait_a_second(failed: Breaker, clock: Clock) -> None:
    probes = 0
    for tenths in range(1, 51):
        clock.now = tenths / 10
        if failed.may_ask():
            probes += 1
            failed.failed("timed out")
    assert probes == 5


def test_a_caller_that_never_reports_does_not_stop_the_next_probe(failed: Breaker, clock: Clock) -> None:
    clock.now = PROBE_SECONDS
    assert failed.may_ask()
    clock.now = 2 * PROBE_SECONDS
    assert failed.may_ask()


def test_a_store_that_answers_again_is_asked_by_everybody(failed: Breaker) -> None:
    failed.succeeded()
    assert not failed.is_open
    assert all(failed.may_ask() for _ in range(3))


def test_what_is_let_through_is_told_once_a_minute(
    breaker: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for second in range(int(2 * LOG_SECONDS)):
        clock.now = float(second)
        breaker.failed("connection refused")
        breaker.let_through()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert "connection refused" in lines[0]
    assert "61 decisions" in lines[1]


def test_a_failure_that_no_request_met_is_not_told(failed: Breaker, caplog: pytest.LogCaptureFixture) -> None:
    failed.succeeded()
    assert caplog.records == []


def test_the_return_is_told_with_what_was_not_counted(failed: Breaker, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        failed.let_through()
    caplog.clear()
    with caplog.at_level(logging.WARNING, "limits"):
        failed.succeeded()
        failed.succeeded()
    (record,) = caplog.records
    assert "3 decisions" in record.getMessage()


def test_the_next_failure_after_a_return_is_told_at_once(
    failed: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    failed.let_through()
    failed.succeeded()
    caplog.clear()
    clock.now = 2.0
    failed.failed("timed out")
    failed.let_through()
    assert "1 decisions" in caplog.records[0].getMessage()


def test_what_was_let_through_is_counted_for_the_whole_life(failed: Breaker) -> None:
    failed.let_through()
    failed.succeeded()
    failed.failed("timed out")
    failed.let_through()
    assert failed.uncounted == 2


def test_while_a_keeper_lives_no_request_probes(failed: Breaker, clock: Clock) -> None:
    for second in range(1, 20):
        clock.now = float(second)
        failed.kept()
        assert not failed.may_ask()
    clock.now += KEPT_SECONDS - 0.001
    assert not failed.may_ask()
    clock.now += 0.001
    assert [failed.may_ask() for _ in range(2)] == [True, False]


def test_when_the_keeper_has_ended_requests_probe_at_once(failed: Breaker, clock: Clock) -> None:
    clock.now = PROBE_SECONDS
    failed.kept()
    failed.left_alone()
    assert failed.may_ask()


def test_a_keeper_keeps_nobody_from_asking_a_store_that_answers(breaker: Breaker) -> None:
    breaker.kept()
    assert breaker.may_ask()


def test_it_is_degraded_while_the_store_does_not_answer_and_tells_since_when(failed: Breaker, clock: Clock) -> None:
    for second in range(1, 91):
        clock.now = float(second)
        failed.failed("connection refused")
    assert failed.degraded
    assert failed.degraded_seconds == 90
    assert failed.failure == "connection refused"
    failed.succeeded()
    assert not failed.degraded
    assert failed.degraded_seconds == 0


def test_errors_degrade_it_for_some_seconds_although_looks_succeed(breaker: Breaker, clock: Clock) -> None:
    breaker.refused("READONLY You can't write against a read only replica")
    clock.now = 4.0
    breaker.refused("READONLY You can't write against a read only replica")
    breaker.succeeded()
    assert breaker.may_ask()
    assert breaker.degraded
    assert breaker.degraded_seconds == 4
    clock.now += ERRORS_SECONDS
    assert not breaker.degraded


def test_a_new_trouble_begins_anew(failed: Breaker, clock: Clock) -> None:
    failed.succeeded()
    clock.now = 100.0
    failed.failed("timed out")
    clock.now = 101.0
    assert failed.degraded_seconds == 1
