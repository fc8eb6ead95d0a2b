"""Who may do what: whoever may only look changes nothing, and what code uses stays."""

import pytest
from django.test import Client

from limits.models import Policy, Revision

from .conftest import logged_in, staff
from .doing import ADD, LIST, NEW, act, open_form, page_of, save

pytestmark = pytest.mark.django_db


def state() -> tuple[list[tuple[object, ...]], int]:
    """Return all that is stored about policies."""
    return list(Policy.objects.values_list()), Revision.objects.count()


def test_a_viewer_sees_the_list_and_each_policy(viewer: Client) -> None:
    for path in (LIST, page_of("login"), page_of("default")):
        assert viewer.get(path).status_code == 200
    page = viewer.get(page_of("login")).content.decode()
    assert "5 per minute" in page
    assert "<textarea" not in page
    assert 'name="_save"' not in page


def test_a_viewer_is_offered_no_action(viewer: Client) -> None:
    page = viewer.get(LIST).content.decode()
    assert "switch_off" not in page
    assert "enforce" not in page.partition("result_list")[0]
    assert "delete_selected" not in page


def test_whatever_a_viewer_posts_is_refused_and_changes_nothing(viewer: Client, admin: Client) -> None:
    typed = open_form(admin, page_of("login")) | {"rates": "9/h", "mode": "off"}
    admin.post(ADD, NEW)
    before = state()
    assert viewer.post(page_of("login"), typed).status_code == 403
    assert viewer.post(ADD, {**NEW, "slug": "another"}).status_code == 403
    assert viewer.get(ADD).status_code == 403
    assert viewer.post(page_of("upload").replace("change", "delete"), {"post": "yes"}).status_code == 403
    for action in ("enforce", "shadow", "switch_off", "delete_selected"):
        act(viewer, action, "login", "upload")
    assert state() == before


@pytest.mark.parametrize("codenames", [("add_policy",), ("delete_policy",), ()])
def test_whoever_may_not_change_policies_switches_none(db: None, codenames: tuple[str, ...]) -> None:
    before = state()
    somebody = logged_in(staff("somebody", *codenames))
    for action in ("switch_off", "shadow"):
        somebody.post(LIST, {"action": action, "_selected_action": list(Policy.objects.values_list("pk", flat=True))})
    assert state() == before


def test_whoever_may_not_change_policies_undoes_nothing(viewer: Client, admin: Client) -> None:
    save(admin, "login", rates="7/m")
    before = state()
    undo = page_of("login").replace("change", "undo")
    assert undo not in viewer.get(page_of("login")).content.decode()
    assert viewer.get(undo).status_code == 403
    assert viewer.post(undo, {"seen_version": "2"}).status_code == 403
    assert state() == before


def test_whoever_may_only_add_adds(db: None) -> None:
    somebody = logged_in(staff("somebody", "add_policy"))
    assert somebody.post(ADD, NEW).status_code == 302
    assert Revision.objects.get(subject="upload").actor_name == "somebody"
    assert somebody.post(page_of("login"), {"rates": "9/h"}).status_code == 403


@pytest.mark.parametrize("method", ["get", "post"])
def test_whoever_is_no_staff_gets_the_login_page(client: Client, method: str) -> None:
    before = state()
    page = page_of("login")
    for path in (LIST, ADD, page, page.replace("change", "delete"), page.replace("change", "undo")):
        response = getattr(client, method)(path, {"rates": "9/h", "post": "yes"})
        assert response["Location"].startswith("/admin/login/")
    assert state() == before


def test_policies_are_never_deleted_by_the_dozen(admin: Client) -> None:
    before = state()
    assert "delete_selected" not in admin.get(LIST).content.decode()
    act(admin, "delete_selected", "login", "register")
    assert state() == before


@pytest.mark.parametrize("slug", ["login", "password-reset", "register", "api-search", "default"])
def test_a_policy_that_code_uses_cannot_be_deleted(admin: Client, slug: str) -> None:
    before = state()
    path = page_of(slug).replace("change", "delete")
    assert path not in admin.get(page_of(slug)).content.decode()
    assert admin.get(path).status_code == 403
    assert admin.post(path, {"post": "yes"}).status_code == 403
    assert state() == before


def test_another_policy_can_be_deleted(admin: Client) -> None:
    admin.post(ADD, NEW)
    path = page_of("upload").replace("change", "delete")
    assert path in admin.get(page_of("upload")).content.decode()
    assert admin.get(path).status_code == 200
    assert admin.post(path, {"post": "yes"}).status_code == 302
    assert not Policy.objects.filter(slug="upload").exists()


def test_a_get_changes_nothing(admin: Client) -> None:
    before = state()
    typed = open_form(admin, page_of("login")) | {"rates": "9/h"}
    assert admin.get(page_of("login"), typed).status_code == 200
    assert admin.get(page_of("login").replace("change", "undo"), {"seen_version": "1"}).status_code == 302
    assert admin.get(LIST, {"action": "switch_off", "_selected_action": ["1"]}, follow=True).status_code == 400
    assert state() == before


def test_a_post_from_another_site_changes_nothing(admin: Client) -> None:
    typed = open_form(admin, page_of("login")) | {"rates": "9/h"}
    before = state()
    admin.handler.enforce_csrf_checks = True
    assert admin.post(page_of("login"), typed).status_code == 403
    assert admin.post(page_of("login").replace("change", "undo"), {"seen_version": "1"}).status_code == 403
    assert state() == before
