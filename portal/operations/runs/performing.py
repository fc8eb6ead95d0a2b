"""Performing runs: begun, worked, ended, whatever happens in between."""

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error, connection
from django.utils import timezone

from portal.operations.models import JobRun
from portal.operations.runs.asking import drop_overdue, due
from portal.operations.runs.ending import cut_off, fail, finish
from portal.operations.runs.holding import begin, notice_cut_off
from portal.operations.runs.progress import GivenUp, Progress
from portal.operations.runs.work import Registry, Work

logger = logging.getLogger("portal.runs")

Clock = Callable[[], datetime]


def perform_due(registry: Registry, *, clock: Clock = timezone.now, most: int | None = None) -> int:
    """Perform the runs whose time has come, one after another, `most` at most; return how many were performed.

    Steps: tell of runs that were cut off, drop those that nobody began in time, and perform the others. A run that
    others keep from beginning goes on waiting. A row that fails in a way that nobody foresaw does not stop the rest.
    """
    notice_cut_off(now=clock())
    drop_overdue(now=clock())
    performed = 0
    for run in list(due(now=clock()).filter(job__in=registry)):
        if most is not None and performed >= most:
            break
        try:
            performed += perform(run, work=registry[run.job], clock=clock)
        except Exception:
            logger.exception("“%s” was not performed.", run)
            _let_go_of_a_broken_connection()
    return performed


def perform(run: JobRun, *, work: Work, clock: Clock = timezone.now) -> bool:
    """Begin a run, do its work, and end it as it went; return whether it was won. The row tells what came of it.

    Ctrl-C and SIGTERM end the row too, and are passed on.
    """
    if not begin(run, holds=work.held_by(run), now=clock()):
        return False
    try:
        with _sigterm_as_an_exit():
            outcome = work.do(run, Progress(run, clock=clock))
    except (KeyboardInterrupt, SystemExit):
        _surely(run, end=lambda: cut_off(run, outcome="It was stopped from outside, in the middle.", now=clock()))
        raise
    except Exception as error:
        _note_failure(run, error=error, work=work, clock=clock)
    else:
        _surely(run, end=lambda: finish(run, outcome=outcome, now=clock()))
    return True


def _note_failure(run: JobRun, *, error: Exception, work: Work, clock: Clock) -> None:
    if isinstance(error, GivenUp):
        logger.error("%s", error)
    elif isinstance(error, SoftTimeLimitExceeded):
        _surely(run, end=lambda: cut_off(run, outcome="It took longer than its task may.", now=clock()))
    elif isinstance(error, work.failures):
        _surely(run, end=lambda: fail(run, outcome=str(error) or type(error).__name__, now=clock()))
    else:
        # Not its words: nobody knows what they hold.
        told = f"It failed in a way that nobody foresaw ({type(error).__name__}); the log holds the rest."
        logger.error("“%s” failed in a way that nobody foresaw.", run, exc_info=error)
        _surely(run, end=lambda: fail(run, outcome=told, now=clock()))


def _surely(run: JobRun, *, end: Callable[[], bool]) -> None:
    """End a run, on a new connection if need be: long work outlives one that idles, and a restart of the database."""
    try:
        is_ended = end()
    except Error:
        _let_go_of_a_broken_connection()
        is_ended = end()
    if not is_ended:
        logger.error("“%s” had been taken for dead before it ended; its row stays as it is.", run)


def _let_go_of_a_broken_connection() -> None:
    if not connection.in_atomic_block:
        connection.close()


@contextmanager
def _sigterm_as_an_exit() -> Iterator[None]:
    """Let SIGTERM end the work as Ctrl-C does, where nobody else sees to it and Python lets us."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
