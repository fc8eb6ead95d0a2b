"""Chromium, driven as people drive a browser."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.portal_process import RunningPortal

CHROMIUM = "/usr/bin/chromium"
SCREENSHOTS = Path(__file__).resolve().parent.parent.parent / "screenshots"


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Debian's Chromium, which as root runs without its sandbox; it calls nobody."""
    flags = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --disable-dev-shm-usage"
    )
    return {"executable_path": CHROMIUM, "args": flags.split()}


@pytest.fixture(scope="module", autouse=True)
def forgiven(portal: RunningPortal) -> None:
    """All the tests of a module are one client, who would be refused by and by."""
    for policy in ("default", "login", "register", "password-reset"):
        portal.manage("limits", "reset", policy, "127.0.0.1")


@dataclass
class Complaints:
    """What the browser complained of: violations of the Content-Security-Policy, and errors on the console."""

    violations: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def watch(page: Page) -> Complaints:
    """Begin to note what the browser complains of, on this page and those that follow it."""
    complaints = Complaints()
    page.expose_function("noteViolation", lambda told: complaints.violations.append(told))
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation',"
        " event => noteViolation(`${event.violatedDirective} ${event.blockedURI} on ${location.pathname}`))"
    )
    page.on("pageerror", lambda error: complaints.errors.append(str(error)))
    page.on(
        "console",
        lambda message: complaints.errors.append(message.text) if message.type == "error" else None,
    )
    return complaints


def log_in(page: Page, portal: RunningPortal) -> None:
    """Log in to the admin, forgiven by the policy `login` first: other tests may have used it up."""
    portal.manage("limits", "reset", "login", "127.0.0.1")
    page.goto(f"{portal.url}/admin/login/")
    page.get_by_label("name").fill("admin")
    page.get_by_label("Password").fill(portal.password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{portal.url}/admin/")


@pytest.fixture
def admin_page(page: Page, portal: RunningPortal) -> Page:
    """A page of a logged-in administrator."""
    log_in(page, portal)
    return page


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def schemed_page(browser: Browser, scheme: str) -> Iterator[Page]:
    """A page in light or dark mode."""
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light", viewport={"width": 1280, "height": 860}
    )
    yield context.new_page()
    context.close()


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the whole page for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
