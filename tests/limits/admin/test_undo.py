"""Undoing the last change of a policy: what would change is shown first."""

import pytest
from django.test import Client

from limits.core.rates import Rate
from limits.models import Policy, Revision

from .doing import ADD, NEW, act, page_of, save, text_of, told

pytestmark = pytest.mark.django_db


def undo_page(slug: str) -> str:
    """Return the path of the page that asks."""
    return page_of(slug).replace("change", "undo")


def login() -> Policy:
    return Policy.objects.get(slug="login")


def test_a_changed_policy_offers_to_undo_it(admin: Client) -> None:
    assert undo_page("login") not in text_of(admin.get(page_of("login")))
    save(admin, "login", rates="7/m")
    assert undo_page("login") in text_of(admin.get(page_of("login")))


def test_the_page_shows_who_changed_it_and_what_undoing_would_change(admin: Client, colleague: Client) -> None:
    changes = {"rates": "7/m\n70/h", "refusals_count": "on", "without_redis": "refuse", "path": "/login/"}
    save(colleague, "login", **changes, reason="An attack")
    before = Revision.objects.count()
    response = admin.get(undo_page("login"))
    page = text_of(response)
    assert "colleague changed “login”" in page
    assert "An attack" in page
    assert list(map(str, response.context["changes"])) == [
        "Path: /login/ → –",
        "Refused requests count too: yes → no",
        "Without Redis: Refuse everybody (503) → Count in each process by itself",
        "Rates: 70 per hour, 7 per minute → 5 per minute",
    ]
    assert (Revision.objects.count(), login().version) == (before, 2), "looking changes nothing"


def test_the_last_change_is_undone_at_a_press(admin: Client, policies: None) -> None:
    save(admin, "login", rates="7/m", mode="shadow")
    response = admin.post(undo_page("login"), {"seen_version": "2"}, follow=True)
    assert "The last change is undone." in told(response)
    assert (login().rates, login().mode, login().version) == ((Rate(5, 60),), "enforce", 3)
    latest = Revision.objects.latest("pk")
    assert (latest.actor_name, latest.origin) == ("chief", "203.0.113.7")
    history = text_of(admin.get(page_of("login").replace("change", "history")))
    assert "Undid the change before. Mode: Shadow → Enforce; Rates: 7 per minute → 5 per minute." in history


def test_a_switch_in_the_list_is_undone_too(admin: Client) -> None:
    act(admin, "switch_off", "login")
    admin.post(undo_page("login"), {"seen_version": "2"})
    assert login().mode == "enforce"


@pytest.mark.parametrize("version", ["2", "", "x", "-1", "9" * 30, "²"])
def test_what_somebody_changed_since_is_not_undone(admin: Client, colleague: Client, version: str) -> None:
    save(admin, "login", rates="7/m")
    admin.get(undo_page("login"))
    save(colleague, "login", rates="2/m")
    response = admin.post(undo_page("login"), {"seen_version": version}, follow=True)
    assert "Nothing was undone." in told(response)
    assert login().rates == (Rate(2, 60),)


def test_what_was_never_changed_is_told_so(admin: Client) -> None:
    admin.post(ADD, NEW)
    for slug in ("login", "upload"):
        for answer in (admin.get(undo_page(slug), follow=True), admin.post(undo_page(slug), follow=True)):
            assert f"“{slug}” has no change to undo." in told(answer)


def test_what_cannot_hold_any_more_is_told_and_stays(admin: Client) -> None:
    Policy.objects.filter(slug="login").update(view="gone")
    save(admin, "login", view="")
    response = admin.post(undo_page("login"), {"seen_version": "2"}, follow=True)
    assert "This cannot be undone: No address of this site is named “gone”." in told(response)
    assert login().view == ""


@pytest.mark.parametrize("pk", ["0", "x", "99999999999999999999", "login"])
def test_a_page_of_no_policy_leads_back_with_a_word(admin: Client, pk: str) -> None:
    assert "deleted" in told(admin.get(f"/admin/limits/policy/{pk}/undo/", follow=True))


def test_texts_of_html_stay_text(admin: Client) -> None:
    script = "<script>alert(1)</script>"
    save(admin, "login", title=script, reason=script)
    assert script not in admin.get(undo_page("login")).content.decode()
