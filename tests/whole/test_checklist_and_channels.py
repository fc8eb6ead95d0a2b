"""The checklist and the channels in a real browser: a check with its progress, and a test that reaches somebody."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.portal.operations.watching.telling.receivers import Webhook, loads_apprise, running_webhook
from tests.portal_process import RunningPortal
from tests.whole.conftest import log_in, shoot, watch

pytestmark = [pytest.mark.browser, loads_apprise]
CHECKLIST = "/admin/operations/checklistrun/"
CHANNELS = "/admin/operations/channel/"
CHECKED_MS = 60_000


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with running_webhook() as server:
        yield server


def test_a_check_shows_how_far_it_is_and_then_what_it_found(admin_page: Page, portal: RunningPortal) -> None:
    complaints = watch(admin_page)
    admin_page.goto(f"{portal.url}{CHECKLIST}")
    admin_page.get_by_role("button", name="Check now").click()
    expect(admin_page.get_by_role("progressbar", name="How far the check is")).to_be_visible()
    expect(admin_page.get_by_text("Checked on")).to_be_visible(timeout=CHECKED_MS)
    expect(admin_page.locator("#line-limiter-counts")).to_contain_text("passes")
    expect(admin_page.get_by_role("navigation", name="What fails")).to_contain_text("Memory has a limit")
    assert (complaints.violations, complaints.errors) == ([], [])


def test_pictures_of_the_checklist(schemed_page: Page, scheme: str, portal: RunningPortal) -> None:
    log_in(schemed_page, portal)
    schemed_page.goto(f"{portal.url}{CHECKLIST}")
    shoot(schemed_page, f"checklist-{scheme}")


def test_a_channel_is_added_tested_and_never_shown_again(
    admin_page: Page, portal: RunningPortal, webhook: Webhook
) -> None:
    complaints = watch(admin_page)
    admin_page.goto(f"{portal.url}{CHANNELS}add/")
    admin_page.get_by_label("Name").fill("Night shift")
    admin_page.get_by_label("Slack, Teams, webhook and the rest").check()
    admin_page.get_by_label("Address").fill(webhook.address)
    admin_page.get_by_role("button", name="Save", exact=True).click()
    admin_page.get_by_role("link", name="Night shift", exact=True).click()
    assert "secret-word" not in admin_page.content()
    admin_page.get_by_role("button", name="Send a test now").click()
    expect(admin_page.locator(".messagelist")).to_contain_text("delivered")
    assert len(webhook.titles) == 1
    admin_page.goto(f"{portal.url}{CHANNELS}")
    shoot(admin_page, "channels")
    assert (complaints.violations, complaints.errors) == ([], [])
