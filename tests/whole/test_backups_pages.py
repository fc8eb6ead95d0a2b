"""The pages of backups in a real browser, with a real worker: from “Back up now” to what a restore would change."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.portal_process import RunningPortal
from tests.whole.conftest import log_in, shoot, watch

pytestmark = pytest.mark.browser
LIST = "/admin/operations/backup/"
PAGES = (LIST, "/admin/operations/jobrun/", "/admin/operations/backupaction/", "/admin/operations/backupplan/1/change/")
WORK_MS = 60_000
"""How long a worker may take to begin and end what was asked for."""


@pytest.fixture(scope="module")
def backup(portal: RunningPortal) -> str:
    """The name of a backup, made on the command line."""
    made = portal.manage("redis_backup")
    assert made.returncode == 0, made.stderr
    return made.stdout.partition(":")[0]


@pytest.fixture
def backup_page(admin_page: Page, portal: RunningPortal, backup: str) -> Page:
    """The page of the backup, of a logged-in administrator."""
    admin_page.goto(f"{portal.url}{LIST}")
    admin_page.locator("#result_list").get_by_role("link", name=backup).click()
    return admin_page


def test_back_up_now_shows_progress_and_then_the_backup(admin_page: Page, portal: RunningPortal, backup: str) -> None:
    complaints = watch(admin_page)
    admin_page.goto(f"{portal.url}{LIST}")
    rows = admin_page.locator("#result_list tbody tr")
    before = rows.count()
    admin_page.get_by_role("button", name="Back up now").click()
    expect(admin_page.get_by_text("is asked for. It begins within half a minute")).to_be_visible()
    expect(rows).to_have_count(before + 1, timeout=WORK_MS)
    expect(admin_page.get_by_text("Nothing runs now.")).to_be_visible()
    expect(rows.first).to_contain_text("Loads")
    assert (complaints.violations, complaints.errors) == ([], [])


def test_a_run_tells_by_itself_when_it_is_over(backup_page: Page, portal: RunningPortal, backup: str) -> None:
    complaints = watch(backup_page)
    backup_page.get_by_role("button", name="Prove").click()
    expect(backup_page.get_by_role("heading", name=f"Prove {backup}")).to_be_visible()
    state = backup_page.locator('[data-part="state"]')
    expect(state).to_have_text("✔ Succeeded.", timeout=WORK_MS)
    backup_page.get_by_role("link", name=backup, exact=True).click()
    expect(backup_page.get_by_role("heading", name="Who did what with it")).to_be_visible()
    assert (complaints.violations, complaints.errors) == ([], [])


def test_a_file_is_downloaded(backup_page: Page) -> None:
    with backup_page.expect_download() as begun:
        backup_page.get_by_role("button", name="Download all.rdb.zst").click()
    assert begun.value.suggested_filename.endswith("all.rdb.zst")
    assert begun.value.path().stat().st_size > 0
    backup_page.reload()
    expect(backup_page.get_by_role("row", name="Downloaded admin").first).to_be_visible()


def test_what_a_restore_would_change_is_shown_first(backup_page: Page, backup: str) -> None:
    complaints = watch(backup_page)
    backup_page.get_by_role("link", name="Restore…").click()
    backup_page.get_by_label("Everything, nothing left out").check()
    backup_page.get_by_role("button", name="Show what would change").click()
    expect(backup_page.get_by_text("would replace what is there")).to_be_visible()
    backup_page.get_by_role("button", name="Yes, restore it").click()
    expect(backup_page.get_by_text("That is not the backup's name")).to_be_visible()
    backup_page.get_by_role("button", name="Choose otherwise").click()
    expect(backup_page.get_by_label("Everything, nothing left out")).to_be_checked()
    assert (complaints.violations, complaints.errors) == ([], [])


def test_a_restore_of_everything_can_be_gone_back_from(backup_page: Page, portal: RunningPortal, backup: str) -> None:
    complaints = watch(backup_page)
    state = backup_page.locator('[data-part="state"]')
    backup_page.get_by_role("link", name="Restore…").click()
    backup_page.get_by_label("Everything, nothing left out").check()
    backup_page.get_by_role("button", name="Show what would change").click()
    backup_page.get_by_label("To replace everything").fill(backup)
    backup_page.get_by_role("button", name="Yes, restore it").click()
    expect(state).to_have_text("✔ Succeeded.", timeout=WORK_MS)
    backup_page.goto(f"{portal.url}{LIST}")
    backup_page.get_by_role("link", name="Go back…").click()
    backup_page.get_by_role("button", name="Yes, go back").click()
    expect(state).to_have_text("✔ Succeeded.", timeout=WORK_MS)
    assert (complaints.violations, complaints.errors) == ([], [])


def test_a_plan_is_previewed(admin_page: Page, portal: RunningPortal, backup: str) -> None:
    complaints = watch(admin_page)
    admin_page.goto(f"{portal.url}/admin/operations/backupplan/")
    admin_page.get_by_label("Keep last").fill("1")
    admin_page.get_by_role("button", name="Preview").click()
    expect(admin_page.get_by_role("heading", name="nothing is saved yet")).to_be_visible()
    expect(admin_page.get_by_label("Keep last")).to_have_value("1")
    assert (complaints.violations, complaints.errors) == ([], [])


def test_a_backup_is_asked_for_by_keyboard_alone(admin_page: Page, portal: RunningPortal) -> None:
    admin_page.goto(f"{portal.url}{LIST}")
    admin_page.get_by_role("button", name="Back up now").focus()
    admin_page.keyboard.press("Enter")
    expect(admin_page.get_by_text("is asked for")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_pictures_of_the_pages(browser: Browser, scheme: str, width: int, portal: RunningPortal, backup: str) -> None:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light", viewport={"width": width, "height": 860}
    )
    page = context.new_page()
    complaints = watch(page)
    log_in(page, portal)

    def look(name: str) -> None:
        shoot(page, f"backups-{name}-{scheme}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name

    for path in PAGES:
        page.goto(f"{portal.url}{path}")
        look(path.strip("/").split("/")[2])
    page.goto(f"{portal.url}{LIST}")
    page.locator("#result_list").get_by_role("link", name=backup).click()
    look("page")
    page.get_by_role("link", name="Restore…").click()
    look("restore")
    page.get_by_role("button", name="Show what would change").click()
    look("preview")
    page.goto(f"{portal.url}/admin/operations/jobrun/")
    page.locator("#result_list tbody a").first.click()
    look("run")
    assert (complaints.violations, complaints.errors) == ([], [])
    context.close()
