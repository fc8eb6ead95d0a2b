"""What a write from the admin leaves behind: one revision, Redis in step, and a word about it."""

from ipaddress import ip_network
from typing import Any

import pytest
from django.test import Client

from limits import sync
from limits.core import snapshots
from limits.core.rates import Rate
from limits.models import Policy, Revision
from limits.store import documents
from portal.accounts.models import User
from tests.servers import wait_until

from .conftest import ADDRESS
from .doing import ADD, NEW, act, open_form, page_of, save, text_of, told

pytestmark = pytest.mark.django_db
COMMITTED = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def revisions_of(slug: str) -> list[Revision]:
    """Return what was written about a policy since the first migration, oldest first."""
    return list(Revision.objects.filter(subject_type="policy", subject=slug).exclude(actor_name="the portal")[::-1])


def described(**changes: Any) -> dict[str, Any]:
    """Return what a revision keeps of the policy `login` as the site begins with it, but for some changes."""
    first = Revision.objects.get(subject="login", actor_name="the portal")
    return dict(first.after) | changes


def test_an_edit_leaves_one_revision_that_tells_all(admin: Client) -> None:
    save(admin, "login", rates="7/m\n20/h", key="user", methods=["GET", "POST"], reason="Too strict")
    (revision,) = revisions_of("login")
    assert revision.actor == User.objects.get(username="chief")
    assert (revision.actor_name, revision.origin, revision.reason) == ("chief", ADDRESS, "Too strict")
    assert revision.before == described()
    assert revision.after == described(rates=["20 per hour", "7 per minute"], key="user", methods=["GET", "POST"])


def test_a_new_policy_leaves_one_revision(admin: Client) -> None:
    admin.post(ADD, NEW)
    (revision,) = revisions_of("upload")
    assert (revision.before, revision.actor_name, revision.reason) == (None, "chief", "It is new")
    assert revision.after["rates"] == ["10 per minute"]


def test_a_deletion_leaves_one_revision(admin: Client) -> None:
    admin.post(ADD, NEW)
    made = revisions_of("upload")[0].after
    admin.post(page_of("upload").replace("change", "delete"), {"post": "yes"})
    _, deleted = revisions_of("upload")
    assert (deleted.before, deleted.after) == (made, None)
    assert (deleted.actor_name, deleted.origin) == ("chief", ADDRESS)


def test_a_switch_leaves_one_revision_for_each_policy_that_it_changed(admin: Client) -> None:
    save(admin, "register", mode="off")
    act(admin, "switch_off", "login", "register")
    (revision,) = revisions_of("login")
    assert (revision.before, revision.after) == (described(), described(mode="off"))
    assert (revision.actor_name, revision.origin) == ("chief", ADDRESS)
    assert len(revisions_of("register")) == 1
    act(admin, "enforce", "login")
    act(admin, "shadow", "login")
    assert [revision.after["mode"] for revision in revisions_of("login")] == ["off", "enforce", "shadow"]


def test_a_switch_says_what_it_did(admin: Client, policies: None) -> None:
    assert "Switched off: login, register." in told(act(admin, "switch_off", "login", "register"))
    assert "off already" in told(act(admin, "switch_off", "login", "register"))
    assert "In shadow, refusing nobody: login." in told(act(admin, "shadow", "login"))
    assert "Enforced: login." in told(act(admin, "enforce", "login", "default"))
    assert "enforced already" in told(act(admin, "enforce", "login"))


def test_a_policy_that_cannot_hold_any_more_is_told_and_the_others_are_switched(admin: Client, policies: None) -> None:
    Policy.objects.filter(slug="login").update(view="gone", mode="shadow")
    Policy.objects.filter(slug="default").update(mode="shadow")
    words = told(act(admin, "enforce", "login", "default"))
    assert "“login” stays as it was: No address of this site is named “gone”." in words
    assert "Enforced: default." in words
    assert "Switched off: login." in told(act(admin, "switch_off", "login"))


def test_a_save_that_changes_nothing_leaves_no_revision(admin: Client) -> None:
    assert save(admin, "login").status_code == 302
    assert save(admin, "login", rates="5/m", key=" IP ", reason="No reason at all").status_code == 302
    assert revisions_of("login") == []
    assert Policy.objects.get(slug="login").version == 1


def test_a_refused_form_leaves_no_revision(admin: Client) -> None:
    save(admin, "login", rates="100/week")
    assert revisions_of("login") == []


def test_the_address_behind_a_trusted_proxy_is_kept(admin: Client, settings: Any) -> None:
    settings.LIMITS_TRUSTED_PROXIES = (ip_network("203.0.113.0/24"),)
    typed = open_form(admin, page_of("login")) | {"rates": "7/m"}
    admin.post(page_of("login"), typed, headers={"X-Forwarded-For": "198.51.100.4"})
    assert revisions_of("login")[0].origin == "198.51.100.4"


def test_the_history_outlives_whoever_wrote_it(admin: Client) -> None:
    save(admin, "login", rates="7/m")
    User.objects.get(username="chief").delete()
    (revision,) = revisions_of("login")
    assert (revision.actor, revision.actor_name) == (None, "chief")


def published_login() -> tuple[Rate, ...]:
    found = documents.published()
    return snapshots.read(found.version, document=found.document).policies["login"].rates


@COMMITTED
def test_what_was_saved_is_in_redis_and_the_page_says_so(admin: Client, policies: None) -> None:
    typed = open_form(admin, page_of("login")) | {"rates": "7/m"}
    response = admin.post(page_of("login"), typed, follow=True)
    assert "In force on every worker within a second." in told(response)
    assert published_login() == (Rate(7, 60),)


@COMMITTED
def test_a_new_a_switched_and_a_deleted_policy_are_in_redis_too(admin: Client, policies: None) -> None:
    for write in (
        lambda: admin.post(ADD, NEW, follow=True),
        lambda: act(admin, "switch_off", "login"),
    ):
        assert "In force on every worker within a second." in told(write())
        assert sync.compare().in_step
    admin.post(page_of("upload").replace("change", "delete"), {"post": "yes"}, follow=True)
    assert sync.compare().in_step


@COMMITTED
def test_several_are_switched_in_one_step(admin: Client, policies: None, round_trips: list[str]) -> None:
    act(admin, "switch_off", "login", "register", "default")
    assert round_trips.count("EVALSHA") == 1
    assert sync.compare().in_step
    assert set(Policy.objects.filter(mode="off").values_list("slug", flat=True)) == {"login", "register", "default"}


@COMMITTED
def test_a_change_that_redis_cannot_be_told_is_saved_and_told_as_not_yet_in_force(
    admin: Client, request: pytest.FixtureRequest
) -> None:
    typed = open_form(admin, page_of("login")) | {"rates": "7/m"}
    response = admin.post(page_of("login"), typed, follow=True)
    assert "not in force yet" in told(response)
    assert "restart the web processes" in told(response)
    assert "what it said before for a time without Redis" in told(response)
    assert Policy.objects.get(slug="login").rates == (Rate(7, 60),)
    assert len(revisions_of("login")) == 1
    assert "not in force yet" in told(act(admin, "switch_off", "register"))
    request.getfixturevalue("redis_server")
    wait_until(lambda: documents.published().version != "", what="the policies in Redis")
    assert published_login() == (Rate(7, 60),)
    wait_until(lambda: sync._publisher._thread is None, what="the end of the thread that publishes")


def test_a_policy_that_nothing_leads_to_is_said_to_limit_nothing(admin: Client) -> None:
    assert "limits nothing yet" in told(admin.post(ADD, NEW, follow=True))


@pytest.mark.parametrize("key", ["header:X-Api-Key", "field:username", "field:username and header:X-Api-Key"])
def test_a_policy_by_what_clients_send_alone_is_saved_and_warned_of(admin: Client, key: str) -> None:
    words = told(admin.post(ADD, NEW | {"key": key}, follow=True))
    assert "Join it with ip, or add a second policy by ip." in words
    assert Policy.objects.filter(slug="upload").exists()


@pytest.mark.parametrize("key", ["ip", "user", "ip and field:username", "everyone"])
def test_a_policy_by_what_nobody_can_make_up_is_not_warned_of(admin: Client, key: str) -> None:
    assert "Join it with ip" not in told(admin.post(ADD, NEW | {"key": key}, follow=True))


@pytest.mark.parametrize("where", [{"view": "admin:index"}, {"path": "/upload/**"}])
def test_a_policy_for_a_view_or_a_path_needs_no_code(admin: Client, where: dict[str, str]) -> None:
    assert "limits nothing" not in told(admin.post(ADD, NEW | where, follow=True))


def test_the_history_tells_what_was_and_what_is_and_why(admin: Client) -> None:
    save(admin, "login", rates="7/m", key="user", methods=[], refusals_count="on", reason="an attack")
    act(admin, "switch_off", "login")
    history = admin.get(page_of("login").replace("change", "history")).content.decode()
    assert "Rates: 5 per minute → 7 per minute" in history
    for change in ("Who is counted: ip → user", "Methods: POST → all", "Refused requests count too: no → yes"):
        assert change in history
    assert ". Reason: an attack" in history
    assert "Switched off." in history


def test_the_history_explains_that_a_network_in_it_stands_for_one_address(admin: Client) -> None:
    history = text_of(admin.get(page_of("login").replace("change", "history")))
    assert "203.0.113.0/24 stands for one address in it" in history


@COMMITTED
def test_from_the_message_it_is_one_click_to_undo(admin: Client, policies: None) -> None:
    typed = open_form(admin, page_of("login")) | {"rates": "7/m"}
    response = admin.post(page_of("login"), typed, follow=True)
    assert f'href="{page_of("login").replace("change", "undo")}"' in told(response)
    assert "Undo" not in told(admin.post(ADD, NEW, follow=True))


@COMMITTED
def test_it_is_told_that_the_default_leaves_alone_what_another_policy_looks_at(admin: Client, policies: None) -> None:
    added = admin.post(ADD, NEW | {"path": "/**"}, follow=True)
    assert "left alone by “default”" in told(added)
    assert "left alone" not in told(admin.post(page_of("login"), open_form(admin, page_of("login")), follow=True))
