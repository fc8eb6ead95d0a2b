"""The pages of Redis servers in a real browser, of a running portal."""

import os
import signal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.portal_process import RunningPortal
from tests.whole.conftest import log_in, shoot, watch

pytestmark = pytest.mark.browser
LIST = "/admin/operations/redisserver/"
FILLED = """
from django.conf import settings
from portal.redis_address import connect
with connect(settings.RATELIMIT_STORAGE) as client:
    client.mset({f"basket:{number}": "x" * 100 for number in range(30_000)})
    client.mset({f"<script>alert({number})</script>:1": 1 for number in range(30)})
    client.set("rl:{login:stuck}:60", 9)
    client.slowlog_reset()
    client.config_set("slowlog-log-slower-than", 0)
    client.get("basket:1")
    client.eval("return 1", 1, "rl:{login:x}:60")
    client.config_set("slowlog-log-slower-than", 10_000)
"""


@pytest.fixture(scope="module")
def watched(portal: RunningPortal) -> RunningPortal:
    """A portal whose watch has looked, and whose Redis holds keys of several kinds."""
    for arguments in (("shell", "-c", FILLED), ("watch_redis",)):
        done = portal.manage(*arguments)
        assert done.returncode == 0, done.stderr
    return portal


@pytest.fixture
def server_page(admin_page: Page, watched: RunningPortal) -> Page:
    """The page of the portal's server, of a logged-in administrator."""
    open_server(admin_page, watched)
    return admin_page


def open_server(page: Page, portal: RunningPortal) -> None:
    page.goto(f"{portal.url}{LIST}")
    page.locator("#result_list tbody a").first.click()
    expect(page.get_by_role("heading", name="What it tells of itself")).to_be_visible()


def test_keys_are_sampled_without_loading_the_page_anew(server_page: Page) -> None:
    complaints = watch(server_page)
    server_page.reload()
    server_page.evaluate("window.isStillHere = true")
    server_page.get_by_role("button", name="Look at keys for a second").click()
    expect(server_page.get_by_role("rowheader", name="basket:")).to_be_visible()
    expect(server_page.get_by_text("1 counter has no end")).to_be_visible()
    expect(server_page.get_by_role("rowheader", name="<script>alert(#)</script>:")).to_be_visible()
    server_page.get_by_label("Database", exact=True).select_option("0")
    server_page.get_by_role("button", name="Begin anew").click()
    expect(server_page.get_by_role("rowheader", name="basket:")).to_be_hidden()
    assert server_page.evaluate("window.isStillHere")
    assert (complaints.violations, complaints.errors) == ([], [])


def test_keys_are_sampled_without_a_script(browser: Browser, watched: RunningPortal) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    log_in(page, watched)
    open_server(page, watched)
    page.get_by_role("button", name="Look at keys for a second").click()
    expect(page.get_by_role("rowheader", name="basket:")).to_be_visible()
    context.close()


def test_a_page_is_used_by_keyboard_alone(server_page: Page) -> None:
    server_page.get_by_role("button", name="Look at keys for a second").focus()
    server_page.keyboard.press("Enter")
    expect(server_page.locator('[data-part="words"]')).to_be_focused()
    server_page.locator(".redis-card summary").first.focus()
    server_page.keyboard.press("Enter")
    expect(server_page.locator(".redis-rest").first).to_be_visible()


@pytest.mark.parametrize("width", [1280, 375])
def test_pictures_of_the_pages(browser: Browser, scheme: str, width: int, watched: RunningPortal) -> None:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light", viewport={"width": width, "height": 860}
    )
    page = context.new_page()
    log_in(page, watched)
    complaints = watch(page)
    page.goto(f"{watched.url}{LIST}")
    shoot(page, f"redis-list-{scheme}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    open_server(page, watched)
    page.get_by_role("button", name="Look at keys for a second").click()
    expect(page.get_by_role("rowheader", name="basket:")).to_be_visible()
    shoot(page, f"redis-page-{scheme}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert (complaints.violations, complaints.errors) == ([], [])
    context.close()


def test_a_server_that_hangs_still_has_a_page(browser: Browser, scheme: str, watched: RunningPortal) -> None:
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    page = context.new_page()
    log_in(page, watched)
    page.goto(f"{watched.url}{LIST}")
    pid = watched.embedded_server()
    os.kill(pid, signal.SIGSTOP)
    try:
        page.locator("#result_list tbody a").first.click()
        expect(page.get_by_text("It did not answer within 0.5 s")).to_be_visible()
        expect(page.get_by_role("heading", name="As the watch saw it last")).to_be_visible()
        shoot(page, f"redis-hung-{scheme}")
    finally:
        os.kill(pid, signal.SIGCONT)
        context.close()
