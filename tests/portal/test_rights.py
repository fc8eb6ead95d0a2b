"""Nobody in the admin gets further than the rights that were given."""

import pytest
from django.contrib.auth.models import Permission
from django.core.mail import EmailMessage
from django.test import Client
from django_celery_beat.models import PeriodicTask

from portal.accounts.models import User

pytestmark = pytest.mark.django_db


def staff(*codenames: str) -> tuple[User, Client]:
    """Return somebody of the staff with these rights, logged in."""
    user = User.objects.create_user("clerk", "clerk@example.org", "a good password", is_staff=True)
    permissions = Permission.objects.filter(codename__in=codenames)
    assert len(permissions) == len(codenames)
    user.user_permissions.set(permissions)
    client = Client()
    client.force_login(user)
    return user, client


@pytest.mark.parametrize(
    "lookup", ["message__regex=secret", "message__contains=secret", "message=secret", "to__iregex=(a%2B)%2B$"]
)
def test_the_text_of_mail_cannot_be_found_out_by_filters(lookup: str) -> None:
    EmailMessage("Hello", "secret", to=["a@example.org"]).send()
    _, client = staff("view_email")
    assert client.get("/admin/post_office/email/").status_code == 200
    assert client.get(f"/admin/post_office/email/?{lookup}").status_code == 400


@pytest.mark.parametrize("lookup", ["description__regex=^((a%2B)%2B)$", "rates__regex=(", "title__startswith=a"])
def test_a_list_is_filtered_by_what_it_offers_alone(lookup: str) -> None:
    _, client = staff("view_policy")
    assert client.get("/admin/limits/policy/?mode__exact=enforce&algorithm__exact=fixed-window").status_code == 200
    assert client.get(f"/admin/limits/policy/?{lookup}").status_code == 400


def test_who_may_change_people_cannot_hand_out_rights() -> None:
    clerk, client = staff("view_user", "change_user")
    reader = User.objects.create_user("reader", "reader@example.org", "a good password")
    form = {"username": "reader", "email": "reader@example.org", "is_active": "on"}
    rights = {"is_superuser": "on", "is_staff": "on"}
    client.post(f"/admin/accounts/user/{reader.pk}/change/", form | rights)
    client.post(f"/admin/accounts/user/{clerk.pk}/change/", form | rights | {"username": "clerk"})
    assert not User.objects.filter(is_superuser=True).exists()
    assert not User.objects.get(pk=reader.pk).is_staff


def test_who_may_change_people_cannot_change_superusers(admin_user: User) -> None:
    _, client = staff("view_user", "change_user", "delete_user")
    for page in ("change", "password", "delete"):
        client.post(f"/admin/accounts/user/{admin_user.pk}/{page}/", {"post": "yes", "username": "other"})
    admin_user.refresh_from_db()
    assert admin_user.check_password("password")
    client.post(
        "/admin/accounts/user/", {"action": "delete_selected", "_selected_action": admin_user.pk, "post": "yes"}
    )
    assert User.objects.filter(pk=admin_user.pk).exists()


def test_a_group_s_rights_are_for_superusers_to_change() -> None:
    _, client = staff("view_group", "change_group", "add_group")
    assert client.get("/admin/auth/group/").status_code == 200
    assert client.get("/admin/auth/group/add/").status_code == 403


@pytest.mark.parametrize(
    ("field", "text"), [("args", "5"), ("args", '{"a": 1}'), ("kwargs", "5"), ("kwargs", "[]"), ("args", "[")]
)
def test_arguments_that_no_task_can_be_called_with_are_refused(field: str, text: str) -> None:
    _, client = staff("view_periodictask", "change_periodictask")
    task = PeriodicTask.objects.get(name="Send queued mail")
    form = {"name": task.name, "task": task.task, "interval": task.interval_id, "enabled": "on", "expire_seconds": 5}
    url = f"/admin/django_celery_beat/periodictask/{task.pk}/change/"
    page = client.post(url, form | {"args": "[]", "kwargs": "{}", field: text})
    assert page.status_code == 200
    assert "errorlist" in page.content.decode()
    assert client.post(url, form | {"args": "[]", "kwargs": "{}", "headers": "5"}).status_code == 302
    task.refresh_from_db()
    assert (task.args, task.kwargs, task.headers) == ("[]", "{}", "{}")


def test_the_old_password_cannot_be_guessed_in_the_admin(policies: None) -> None:
    _, client = staff()
    guess = {"old_password": "guess", "new_password1": "x", "new_password2": "x"}
    statuses = [client.post("/admin/password_change/", guess).status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2


@pytest.mark.parametrize("typed", ["zoe", "ZOË", "Zoë", "zoë\u200b"])
def test_one_person_has_one_name(typed: str) -> None:
    User.objects.create_user("zoe", "zoe@example.org", "a good password")
    assert Client().login(username=typed, password="a good password") is (typed == "zoe")
