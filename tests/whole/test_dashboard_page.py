"""The first page of the admin in a real browser: drawn before any script, live after that, and looked at."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.portal_process import RunningPortal
from tests.whole.conftest import log_in, shoot, watch

pytestmark = pytest.mark.browser
INDEX = "/admin/"
"""How long the watch may take until it has looked twice."""
REFRESH_MS = 30_000
FILL = """
import math
from datetime import timedelta
from django.utils import timezone
from limits.models import LastRefusal, Tally
from portal.operations.models import RedisServer, Sample
from portal.operations.watching.turns import slot_of
now = timezone.now()
row = RedisServer.objects.get(holds_counters=True)
def sample(span, ago):
    at = slot_of(now - timedelta(seconds=ago * span), every=timedelta(seconds=span))
    used = int(2**20 * (40 + 6 * math.exp(-ago * span / 9000)))
    return Sample(server=row, span_seconds=span, at=at, seconds=span, used_memory_bytes=used, limit_bytes=64 * 2**20,
        rss_bytes=used, clients=20 + int(5 * math.sin(ago / 20)), keys=9, latency_microseconds=200 + ago % 7 * 9,
        hits=90, misses=ago % 13)
spans = ((15, range(1, 240)), (300, [*range(1, 120), *range(140, 300)]), (3600, range(1, 720)))
Sample.objects.bulk_create((sample(span, ago) for span, agos in spans for ago in agos), ignore_conflicts=True)
minute = slot_of(now, every=timedelta(minutes=1))
def tally(policy, share, ago):
    refused = share * (1 + int(4 * math.sin(ago / 200) ** 2))
    counted = {"shadow_refused": share} if policy == "register" else {"refused": refused}
    return Tally(policy=policy, minute=minute - timedelta(minutes=ago), **counted)
shares = {"api-search": 9, "login": 4, "default": 2, "register": 1}
tallies = (tally(policy, share, ago) for ago in range(3, 1440, 7) for policy, share in shares.items())
Tally.objects.bulk_create(tallies, ignore_conflicts=True)
refusals = (LastRefusal(entry=f"9{number}-0", at=now, policy="login", place="POST /login/",
    client=f"ip=203.0.113.{number % 4}") for number in range(30))
LastRefusal.objects.bulk_create(refusals, ignore_conflicts=True)
"""


@pytest.fixture(scope="module")
def filled(portal: RunningPortal) -> None:
    """A portal that has looked at its Redis, with a day of figures."""
    made = portal.manage("shell", "--no-imports", "-c", FILL)
    assert made.returncode == 0, made.stderr


@pytest.fixture
def dashboard(admin_page: Page, portal: RunningPortal, filled: None) -> Page:
    admin_page.goto(f"{portal.url}{INDEX}")
    return admin_page


def test_it_is_drawn_before_any_script_runs(browser: Browser, portal: RunningPortal, filled: None) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    log_in(page, portal)
    expect(page.locator(".dash-first")).to_contain_text("Limits hold")
    expect(page.get_by_role("img", name=re.compile("^Memory .* of "))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("requests refused in 24 hours, most by api-search"))).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    page.get_by_role("link", name="30 days").click()
    expect(page.get_by_role("img", name=re.compile("requests refused in 30 days"))).to_be_visible()
    context.close()


def test_it_breaks_no_policy(dashboard: Page, portal: RunningPortal) -> None:
    complaints = watch(dashboard)
    for period in ("1h", "24h", "30d"):
        dashboard.goto(f"{portal.url}{INDEX}?range={period}")
        expect(dashboard.locator(".dash-small-plot")).to_have_count(4)
    assert (complaints.violations, complaints.errors) == ([], [])


def test_what_matters_is_on_one_screen(dashboard: Page) -> None:
    dashboard.set_viewport_size({"width": 1280, "height": 800})
    for box in (dashboard.locator(".dash-verdicts"), dashboard.locator(".dash-small")):
        found = box.bounding_box()
        assert found is not None
        assert found["y"] + found["height"] <= 800


def test_it_shows_itself_anew_and_keeps_what_was_opened(dashboard: Page) -> None:
    as_of = dashboard.locator(".dash-as-of time")
    before = as_of.inner_text()
    figures = dashboard.locator("#figures-memory")
    figures.locator("summary").focus()
    dashboard.keyboard.press("Enter")
    box = dashboard.get_by_role("region", name="The figures: Memory")
    box.evaluate("box => { box.scrollTop = 100; }")
    expect(as_of).not_to_have_text(before, timeout=REFRESH_MS)
    expect(figures).to_have_attribute("open", "")
    expect(figures.locator("summary")).to_be_focused()
    assert box.evaluate("box => box.scrollTop") == 100


def test_a_selection_is_left_alone(dashboard: Page) -> None:
    dashboard.locator(".dash-as-of").evaluate("part => getSelection().selectAllChildren(part)")
    chosen = dashboard.evaluate("getSelection().toString()")
    with dashboard.expect_response(re.compile("/admin/dashboard/"), timeout=REFRESH_MS):
        pass
    dashboard.wait_for_timeout(500)
    assert dashboard.evaluate("getSelection().toString()") == chosen


def test_a_pause_holds_it_still(dashboard: Page) -> None:
    dashboard.get_by_role("button", name="Pause").click()
    requests: list[str] = []
    dashboard.on("request", lambda request: requests.append(request.url))
    dashboard.wait_for_timeout(14_000)
    assert requests == []
    with dashboard.expect_response(re.compile("/admin/dashboard/"), timeout=REFRESH_MS):
        dashboard.get_by_role("button", name="Go on refreshing").click()


def test_who_is_logged_out_is_told(dashboard: Page) -> None:
    dashboard.context.clear_cookies()
    expect(dashboard.get_by_text("You are logged out: load the page anew.")).to_be_visible(timeout=REFRESH_MS)


def test_a_site_that_is_away_is_told(dashboard: Page) -> None:
    dashboard.route("**/admin/dashboard/**", lambda route: route.abort())
    expect(dashboard.get_by_text("The site does not answer, so this is old")).to_be_visible(timeout=REFRESH_MS)
    dashboard.unroute("**/admin/dashboard/**")
    expect(dashboard.locator("#dash-state")).to_have_text("", timeout=REFRESH_MS)


def test_everything_is_reached_by_keyboard(dashboard: Page) -> None:
    reached = []
    dashboard.get_by_role("link", name="1 hour").focus()
    for _ in range(40):
        reached.append(dashboard.evaluate("document.activeElement.textContent.trim()"))
        dashboard.keyboard.press("Tab")
    told = " ".join(reached)
    for words in ("24 hours", "30 days", "Pause", "The figures: Refused", "The figures: Latency", "Deny…"):
        assert words in told


@pytest.mark.parametrize("width", [1280, 375])
def test_pictures(browser: Browser, scheme: str, width: int, portal: RunningPortal, filled: None) -> None:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light", viewport={"width": width, "height": 800}
    )
    page = context.new_page()
    complaints = watch(page)
    log_in(page, portal)
    for period in ("1h", "24h", "30d"):
        page.goto(f"{portal.url}{INDEX}?range={period}")
        shoot(page, f"dashboard-{period}-{scheme}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, period
    page.goto(f"{portal.url}{INDEX}")
    for figures in page.locator(".dash-figures").all():
        figures.locator("summary").click()
    shoot(page, f"dashboard-figures-{scheme}-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert (complaints.violations, complaints.errors) == ([], [])
    context.close()
