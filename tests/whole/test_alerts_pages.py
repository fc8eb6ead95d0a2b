"""The pages of alerts in a real browser: what is under way, acknowledging, silencing, and a rule tried before saved."""

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.portal_process import RunningPortal
from tests.whole.conftest import log_in, shoot, watch

pytestmark = pytest.mark.browser
ALERTS = "/admin/operations/alert/"
RULES = "/admin/operations/alertrule/"
HISTORY = "/admin/operations/alertevent/"
NAME = "Memory, for the test"
SHOWN_ANEW_MS = 15_000
"""Within this the page has fetched itself anew."""

# A threshold that any server is beyond: the watch of `make run` judges it within seconds.
_MAKE_RULE = f"""
from portal.operations.models import AlertRule
AlertRule.objects.update_or_create(name="{NAME}", defaults=dict(
    condition="memory_share", threshold=0.0001, severity=2, is_on=True, for_seconds=0, recover_seconds=0,
))
"""
_DELETE_RULE = f"""
from portal.operations.models import AlertRule
AlertRule.objects.filter(name="{NAME}").delete()
"""
_WATCHED_MS = 60_000


@pytest.fixture(scope="module")
def alert(portal: RunningPortal) -> str:
    """The name of a rule that fires."""
    made = portal.manage("shell", "-c", _MAKE_RULE)
    assert made.returncode == 0, made.stderr
    return NAME


@pytest.fixture
def alerts_page(admin_page: Page, portal: RunningPortal, alert: str) -> Page:
    """The page of all alerts, with one under way."""
    admin_page.goto(f"{portal.url}{ALERTS}")
    expect(card(admin_page)).to_be_visible(timeout=_WATCHED_MS)
    return admin_page


def card(page: Page) -> Locator:
    return page.get_by_role("article").filter(has_text=NAME).first


def test_an_alert_appears_without_reloading(alerts_page: Page, portal: RunningPortal) -> None:
    complaints = watch(alerts_page)
    portal.manage("shell", "-c", _DELETE_RULE)
    alerts_page.reload()
    expect(card(alerts_page)).to_have_count(0)
    portal.manage("shell", "-c", _MAKE_RULE)
    expect(card(alerts_page)).to_be_visible(timeout=_WATCHED_MS)
    assert (complaints.violations, complaints.errors) == ([], [])


def test_somebody_watches(alerts_page: Page) -> None:
    expect(alerts_page.get_by_text("Looked at last at")).to_be_visible()
    expect(alerts_page.get_by_text("Nobody watches Redis.")).to_have_count(0)


def test_it_is_acknowledged_by_keyboard_alone(alerts_page: Page) -> None:
    button = card(alerts_page).get_by_role("button", name="Acknowledge")
    button.focus()
    alerts_page.keyboard.press("Enter")
    expect(card(alerts_page)).to_contain_text("Acknowledged by admin")


def test_the_focus_stays_while_the_page_is_shown_anew(alerts_page: Page) -> None:
    link = card(alerts_page).get_by_role("link", name=NAME, exact=True)
    link.focus()
    before = alerts_page.get_by_text("Looked at last at").inner_text()
    expect(alerts_page.get_by_text("Looked at last at")).not_to_have_text(before, timeout=2 * SHOWN_ANEW_MS)
    expect(link).to_be_focused()


def test_it_is_silenced_and_the_silence_ended(alerts_page: Page) -> None:
    complaints = watch(alerts_page)
    card(alerts_page).get_by_role("link", name="Silence…").click()
    alerts_page.get_by_label("4 hours").check()
    alerts_page.get_by_label("everywhere").check()
    alerts_page.get_by_label("Reason").fill("The test wants it quiet")
    alerts_page.get_by_role("button", name="Silence").click()
    expect(alerts_page.get_by_role("heading", name="Silent for now")).to_be_visible()
    alerts_page.get_by_role("button", name="End now").click()
    expect(alerts_page.get_by_role("heading", name="Silent for now")).to_have_count(0)
    assert (complaints.violations, complaints.errors) == ([], [])


def test_the_form_of_a_rule_shows_what_belongs_to_its_condition(admin_page: Page, portal: RunningPortal) -> None:
    complaints = watch(admin_page)
    admin_page.goto(f"{portal.url}{RULES}add/")
    admin_page.get_by_label("Condition").select_option("memory_share")
    expect(admin_page.get_by_text("used_memory as a share of maxmemory")).to_be_visible()
    expect(admin_page.get_by_text("In: %.").first).to_be_visible()
    expect(admin_page.get_by_label("Fires at")).to_be_visible()
    admin_page.get_by_label("Condition").select_option("down")
    expect(admin_page.get_by_text("used_memory as a share of maxmemory")).to_be_hidden()
    expect(admin_page.get_by_label("Fires at")).to_be_hidden()
    assert (complaints.violations, complaints.errors) == ([], [])


def test_a_rule_is_tried_before_it_is_saved(alerts_page: Page, portal: RunningPortal) -> None:
    alerts_page.goto(f"{portal.url}{RULES}")
    alerts_page.get_by_role("link", name=NAME, exact=True).click()
    alerts_page.get_by_label("Fires at").fill("99.9")
    alerts_page.get_by_role("button", name="What would it say now?").click()
    expect(alerts_page.get_by_role("heading", name="nothing is saved yet")).to_be_in_viewport()
    expect(alerts_page.get_by_role("table").get_by_text("Normal").first).to_be_visible()
    expect(alerts_page.get_by_label("Fires at")).to_have_value("99.9")


@pytest.mark.parametrize("width", [1280, 375])
def test_pictures_of_the_pages(browser: Browser, scheme: str, width: int, portal: RunningPortal, alert: str) -> None:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light", viewport={"width": width, "height": 860}
    )
    page = context.new_page()
    complaints = watch(page)
    log_in(page, portal)

    def look(name: str) -> None:
        shoot(page, f"alerts-{name}-{scheme}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name

    page.goto(f"{portal.url}{ALERTS}")
    expect(card(page)).to_be_visible(timeout=_WATCHED_MS)
    page.locator("#alerts-normal > summary").click()
    look("all")
    card(page).get_by_role("link", name=NAME, exact=True).click()
    page.get_by_text("The figures", exact=True).click()
    look("one")
    page.get_by_role("link", name="Silence…").click()
    look("silence")
    page.goto(f"{portal.url}{RULES}")
    look("rules")
    page.get_by_role("link", name=NAME, exact=True).click()
    look("rule")
    page.goto(f"{portal.url}{HISTORY}")
    look("history")
    assert (complaints.violations, complaints.errors) == ([], [])
    context.close()
