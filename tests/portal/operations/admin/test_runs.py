"""Pages of runs: how far they are, what came of them, and calling one off."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from portal.operations.models import JobRun

from .doing import RUNS, breaks_policy, press, text_of

pytestmark = pytest.mark.django_db


def run_in(state: str, **changes: Any) -> JobRun:
    now = timezone.now()
    values = {"job": "backup", "slot": state, "source": "redis", "asked_by": "jane", "asked_at": now}
    return JobRun.objects.create(**values | {"state": state, "not_after": now + timedelta(days=1)} | changes)


def page_of(run: JobRun, part: str = "change") -> str:
    return f"{RUNS}{run.pk}/{part}/"


def test_progress_is_shown_in_words_and_numbers(viewer: Client) -> None:
    run = run_in("running", progress="taking redis", done=512 * 1024, total=1024**2, began_at=timezone.now())
    for part in ("change", "progress"):
        page = viewer.get(page_of(run, part))
        assert "Running: taking redis." in text_of(page)
        assert "512.0 KB of 1.0 MB, 50 %" in text_of(page)
        assert 'value="524288"' in page.content.decode()
        assert not breaks_policy(page)


def test_the_part_that_is_fetched_says_when_it_is_over(viewer: Client) -> None:
    assert b"data-over" not in viewer.get(page_of(run_in("running"), "progress")).content
    answer = viewer.get(page_of(run_in("failed", outcome="The disk is full."), "progress"))
    assert b"data-over" in answer.content
    assert "Failed. The disk is full." in text_of(answer)
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_run_that_fell_silent_says_so(viewer: Client) -> None:
    alive_at = timezone.now() - timedelta(minutes=5)
    page = text_of(viewer.get(page_of(run_in("running", began_at=alive_at, alive_at=alive_at))))
    assert "Running. No sign of life since" in page
    assert "it is taken for dead" in page


def test_words_of_a_failure_are_never_taken_for_a_page(viewer: Client) -> None:
    run = run_in("failed", outcome="<script>alert(1)</script>")
    for path in (page_of(run), page_of(run, "progress"), RUNS):
        assert b"<script>alert" not in viewer.get(path).content


def test_the_list_is_narrowed_by_job_and_state(viewer: Client) -> None:
    run_in("failed"), run_in("succeeded", job="prove", subject="redis-1")
    assert "2 long jobs" in text_of(viewer.get(RUNS))
    assert "1 long job" in text_of(viewer.get(f"{RUNS}?job=prove"))
    assert "Prove redis-1" in text_of(viewer.get(f"{RUNS}?state__exact=succeeded"))


def test_a_run_without_a_worker_says_what_does_it_by_hand(viewer: Client) -> None:
    run = run_in("waiting", job="restore", subject="redis-1", arguments={"whole": True, "only": ["a b"]})
    assert "manage.py redis_restore redis-1 --whole '--only=a b'" in text_of(viewer.get(page_of(run)))


def test_what_waits_is_called_off_by_whoever_may_ask_for_it(may: Callable[..., Client]) -> None:
    run, somebody = run_in("waiting"), may("take_backup")
    assert "It is called off" in text_of(press(somebody, page_of(run, "call-off")))
    run.refresh_from_db()
    assert (run.state, run.outcome) == ("failed", "Called off by somebody before it began.")


def test_what_runs_is_not_called_off(admin: Client) -> None:
    run = run_in("running")
    assert "has begun meanwhile" in text_of(press(admin, page_of(run, "call-off")))
    run.refresh_from_db()
    assert run.state == "running"


def test_whoever_may_not_ask_calls_nothing_off(may: Callable[..., Client]) -> None:
    run, somebody = run_in("waiting"), may("prove_backup")
    assert somebody.post(page_of(run, "call-off")).status_code == 403
    assert "Call it off" not in text_of(somebody.get(page_of(run)))


def test_nobody_writes_a_run_by_hand(admin: Client) -> None:
    run = run_in("waiting")
    assert admin.get(f"{RUNS}add/").status_code == 404
    assert admin.post(f"{RUNS}{run.pk}/delete/").status_code == 404
