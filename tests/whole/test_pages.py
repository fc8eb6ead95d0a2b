"""Every page in a real browser: no violation of the policy, nothing on the console, and a picture to look at."""

import pytest
from playwright.sync_api import Page, expect

from tests.portal_process import RunningPortal
from tests.whole.conftest import log_in, shoot, watch

pytestmark = pytest.mark.browser

PUBLIC_PAGES = (
    "/",
    "/?q=verne",
    "/?q=nothing+is+called+so",
    "/login/",
    "/register/",
    "/register/sent/",
    "/password-reset/",
    "/password-reset/sent/",
)
ADMIN_PAGES = (
    "/admin/",
    "/admin/limits/policy/",
    "/admin/limits/policy/?q=login&mode__exact=enforce",
    "/admin/limits/policy/add/",
    "/admin/limits/override/",
    "/admin/limits/override/add/",
    "/admin/limits/override/which/",
    "/admin/limits/tally/",
    "/admin/limits/lastrefusal/",
    "/admin/accounts/user/",
    "/admin/accounts/user/add/",
    "/admin/catalogue/book/",
    "/admin/post_office/email/",
    "/admin/operations/alert/",
    "/admin/operations/alert/rows/",
    "/admin/operations/alertevent/",
    "/admin/operations/alertrule/",
    "/admin/operations/alertrule/add/",
    "/admin/operations/channel/",
    "/admin/operations/channel/add/",
    "/admin/operations/checklistrun/",
    "/admin/operations/message/",
    "/admin/operations/redisserver/",
    "/admin/django_celery_beat/periodictask/",
    "/admin/django_celery_beat/periodictask/add/",
    "/admin/django_celery_beat/intervalschedule/",
    "/admin/django_celery_beat/crontabschedule/add/",
    "/admin/password_change/",
)


def test_a_page_that_breaks_the_policy_is_noticed(page: Page, portal: RunningPortal) -> None:
    """The control of the tests below: our policy, with an inline script under it."""
    complaints = watch(page)

    def add_a_script(route: object) -> None:
        response = route.fetch()  # type: ignore[attr-defined]
        broken = response.text().replace("</main>", "<script>1</script></main>")
        route.fulfill(response=response, body=broken)  # type: ignore[attr-defined]

    page.route("**/login/", add_a_script)
    page.goto(f"{portal.url}/login/")
    assert len(complaints.violations) == 1
    assert complaints.violations[0].startswith("script-src-elem inline")


def test_public_pages_break_no_policy(page: Page, portal: RunningPortal) -> None:
    complaints = watch(page)
    for path in PUBLIC_PAGES:
        response = page.goto(f"{portal.url}{path}")
        assert response is not None
        assert response.status == 200
        assert response.headers["content-security-policy"].startswith("default-src 'self'")
    assert complaints.violations == []
    assert complaints.errors == []


def test_admin_pages_break_no_policy(admin_page: Page, portal: RunningPortal) -> None:
    complaints = watch(admin_page)
    for path in ADMIN_PAGES:
        response = admin_page.goto(f"{portal.url}{path}")
        assert response is not None
        assert response.status == 200, path
        assert response.headers["content-security-policy"].startswith("default-src 'self'")
    for name in ("login", "Send queued mail"):
        admin_page.goto(
            f"{portal.url}/admin/{'limits/policy' if name == 'login' else 'django_celery_beat/periodictask'}/"
        )
        admin_page.get_by_role("link", name=name, exact=True).click()
        expect(admin_page.get_by_role("button", name="Save", exact=True)).to_be_visible()
    assert complaints.violations == []
    assert complaints.errors == []


def test_a_form_with_every_field_wrong_tells_each_and_keeps_what_was_typed(
    admin_page: Page, portal: RunningPortal
) -> None:
    admin_page.goto(f"{portal.url}/admin/limits/policy/add/")
    typed = {"Name in code": "Not A Slug", "Rates": "100/week", "Who is counted": "everybody"}
    for label, text in typed.items():
        admin_page.get_by_label(label).fill(text)
    admin_page.get_by_label("Title").evaluate("field => field.removeAttribute('required')")
    admin_page.get_by_role("button", name="Save", exact=True).click()
    for field, told in (
        ("slug", "small letters, digits and single dashes"),
        ("title", "This field is required"),
        ("rates", "100 per 7 days"),
        ("key", "ip, user, user or ip, header:NAME, field:NAME, everyone"),
    ):
        expect(admin_page.locator(f".field-{field} .errorlist")).to_contain_text(told)
    for label, text in typed.items():
        expect(admin_page.get_by_label(label)).to_have_value(text)
    shoot(admin_page, "admin-form-wrong")


def test_pictures_of_the_pages(schemed_page: Page, scheme: str, portal: RunningPortal) -> None:
    page = schemed_page
    log_in(page, portal)
    page.goto(f"{portal.url}/admin/limits/policy/")
    shoot(page, f"admin-list-{scheme}")
    page.get_by_role("link", name="default", exact=True).click()
    shoot(page, f"admin-form-{scheme}")
    page.goto(f"{portal.url}/admin/")
    shoot(page, f"admin-index-{scheme}")
    page.goto(f"{portal.url}/?q=austen")
    shoot(page, f"home-{scheme}")
    page.context.clear_cookies()
    page.goto(f"{portal.url}/login/")
    shoot(page, f"login-{scheme}")
    _be_refused(page)
    shoot(page, f"refused-{scheme}")
    page.set_viewport_size({"width": 360, "height": 740})
    shoot(page, f"refused-phone-{scheme}")
    page.goto(f"{portal.url}/login/")
    shoot(page, f"login-phone-{scheme}")


def test_a_refused_person_is_told_why_and_when_to_come_back(page: Page, portal: RunningPortal) -> None:
    page.goto(f"{portal.url}/login/")
    _be_refused(page)
    expect(page.get_by_role("heading", name="Too many requests")).to_be_visible()
    expect(page.get_by_text("come back in")).to_be_visible()


def test_login_works_by_keyboard_alone(page: Page, portal: RunningPortal) -> None:
    portal.manage("limits", "reset", "login", "127.0.0.1")
    page.goto(f"{portal.url}/login/")
    expect(page.get_by_label("E-mail address or user name")).to_be_focused()
    page.keyboard.type("admin")
    page.keyboard.press("Tab")
    page.keyboard.type(portal.password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/?q=verne", "/login/", "/register/", "/password-reset/"])
def test_nothing_hangs_over_the_edge_of_a_phone(page: Page, portal: RunningPortal, path: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{portal.url}{path}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def _be_refused(page: Page) -> None:
    """Guess passwords until the page says that it is enough."""
    for _ in range(10):
        if page.get_by_role("heading", name="Too many requests").is_visible():
            return
        page.get_by_label("E-mail address or user name").fill("nobody")
        page.get_by_label("Password").fill("a guess")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_load_state()
    raise AssertionError(page.content())
