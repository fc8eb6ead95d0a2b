"""The page of the checklist: who may see and run it, what it shows, and what it keeps."""

import pytest
import redis
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from portal.operations.checklist import keeping
from portal.operations.checklist.lines import LINES, SUBJECTS
from portal.operations.checklist.values import Line, Result, State, failed, passed
from portal.operations.models import ChecklistRun
from portal.redis_address import parse_redis_address

from .conftest import logged_in, staff

pytestmark = pytest.mark.django_db

SECRET = "a-password-that-no-page-shows"


def url(name: str = "changelist", *arguments: int) -> str:
    return reverse(f"admin:operations_checklistrun_{name}", args=arguments)


@pytest.fixture
def runner(db: None) -> Client:
    """A browser of somebody who may look at the checklist, and run it."""
    return logged_in(staff("runner", "view_checklistrun", "run_checklist"))


@pytest.fixture
def looker(db: None) -> Client:
    """A browser of somebody who may look at the checklist."""
    return logged_in(staff("looker", "view_checklistrun"))


@pytest.fixture
def away(settings: Settings) -> None:
    """A Redis that is not there, with a password in its address."""
    settings.REDIS = parse_redis_address(f"redis://:{SECRET}@127.0.0.1:1")
    settings.RATELIMIT_STORAGE = settings.BROKER = settings.REDIS


def result(line: Line, *, state: State = State.PASS) -> Result:
    verdict = passed("As it should be.") if state is State.PASS else failed("Not so.", mend=("mend it",))
    return Result(line.id, line.subject, line.title, line.why, (verdict,))


def test_before_the_first_run_every_line_is_told_as_not_checked(looker: Client) -> None:
    page = looker.get(url()).content.decode()
    assert page.count("not checked") == len(LINES)
    assert "Nothing was checked yet." in page


def test_who_may_only_look_finds_no_button_and_is_refused(looker: Client) -> None:
    assert "Check now" not in looker.get(url()).content.decode()
    assert looker.post(url("check")).status_code == 403
    assert looker.post(url("check_part"), {"subject": "Reach"}).status_code == 403
    assert not ChecklistRun.objects.exists()


def test_who_may_not_look_is_refused(viewer: Client) -> None:
    assert viewer.get(url()).status_code == 403
    assert viewer.get(url("change", 1)).status_code == 403


def test_a_run_needs_a_post_with_a_token(runner: Client) -> None:
    assert runner.get(url("check")).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = runner.cookies
    assert strict.post(url("check")).status_code == 403


def test_check_now_keeps_every_line_and_comes_back(runner: Client, policies: None) -> None:
    answer = runner.post(url("check"), follow=True)
    assert answer.redirect_chain == [(url(), 302)]
    run = ChecklistRun.objects.get()
    assert run.asked_by == "runner"
    assert [line["id"] for line in run.lines] == [line.id for line in LINES]
    page = answer.content.decode()
    assert "not checked" not in page
    assert "by runner; it took" in page


def test_subjects_are_checked_one_by_one_into_one_run(runner: Client, redis_server: redis.Redis) -> None:
    first = runner.post(url("check_part"), {"subject": "Memory", "run": ""})
    run = ChecklistRun.objects.get()
    assert f'data-run="{run.pk}"' in first.content.decode()
    second = runner.post(url("check_part"), {"subject": "Persistence", "run": run.pk})
    assert "[" not in second.content.decode().partition("data-summary")[0]
    run.refresh_from_db()
    assert {line["subject"] for line in run.lines} == {"Memory", "Persistence"}


@pytest.mark.parametrize(("field", "value", "status"), [("subject", "Nothing", 400), ("run", "999999", 404)])
def test_parts_that_there_are_not_are_refused(runner: Client, field: str, value: str, status: int) -> None:
    answer = runner.post(url("check_part"), {"subject": "Versions", "run": ""} | {field: value})
    assert answer.status_code == status


def test_nobody_adds_to_the_run_of_somebody_else(runner: Client) -> None:
    run = keeping.begin(asked_by="somebody else", now=timezone.now())
    assert runner.post(url("check_part"), {"subject": "Versions", "run": run.pk}).status_code == 404


def test_what_fails_is_shown_with_what_mends_it(looker: Client) -> None:
    run = keeping.begin(asked_by="chief", now=timezone.now())
    keeping.add(run, [result(LINES[0], state=State.FAIL)], took_milliseconds=1234)
    page = looker.get(url()).content.decode()
    assert "<pre><code>mend it</code></pre>" in page
    assert "0 pass, 1 fail, 0 cannot tell." in page
    assert "it took 1.2 s" in page


def test_a_run_that_was_broken_off_does_not_hide_a_whole_one(looker: Client) -> None:
    whole = keeping.begin(asked_by="chief", now=timezone.now())
    keeping.add(whole, [result(line) for line in LINES], took_milliseconds=1)
    keeping.add(keeping.begin(asked_by="joe", now=timezone.now()), [result(LINES[0])], took_milliseconds=1)
    page = looker.get(url()).content.decode()
    assert f"{len(LINES)} pass, 0 fail" in page
    assert looker.get(url("change", whole.pk)).status_code == 200


def test_parts_that_end_at_the_same_moment_are_both_kept() -> None:
    run = keeping.begin(asked_by="chief", now=timezone.now())
    as_another_request_read_it = ChecklistRun.objects.get()
    keeping.add(run, [result(LINES[0])], took_milliseconds=1)
    keeping.add(as_another_request_read_it, [result(LINES[1])], took_milliseconds=1)
    assert [line["id"] for line in ChecklistRun.objects.get().lines] == [LINES[0].id, LINES[1].id]


def test_a_line_that_there_is_no_longer_is_left_out(looker: Client) -> None:
    run = keeping.begin(asked_by="chief", now=timezone.now())
    keeping.add(
        run, [result(Line("gone", "Old", "A line of an old version", "why", lambda _: ()))], took_milliseconds=1
    )
    assert "A line of an old version" not in looker.get(url()).content.decode()


def test_no_more_runs_are_kept_than_are_looked_at() -> None:
    for _ in range(keeping.KEPT_RUNS + 3):
        keeping.begin(asked_by="beat", now=timezone.now())
    assert ChecklistRun.objects.count() == keeping.KEPT_RUNS


def test_no_secret_is_kept_or_shown(runner: Client, away: None) -> None:
    for subject in SUBJECTS[:5]:
        answer = runner.post(url("check_part"), {"subject": subject})
        assert SECRET not in answer.content.decode()
    assert not [run for run in ChecklistRun.objects.all() if SECRET in str(run.lines)]
    assert SECRET not in runner.get(url()).content.decode()
