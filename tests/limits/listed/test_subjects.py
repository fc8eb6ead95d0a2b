"""For whom the lines of a list are: addresses and networks as they stand, all else by its kind."""

from typing import Any

import pytest
from django.contrib.auth.models import Group

from limits import subjects
from limits.core.client_keys import parse_client_key
from limits.core.overrides import Kind, OverrideError
from limits.listed.subjects import ListedSubjects
from limits.models import Policy
from portal.accounts.models import User

pytestmark = pytest.mark.django_db
KEY = "header:X-Api-Key"


def subject(text: str, *, by_name: bool = True) -> str:
    return ListedSubjects([text], by_name=by_name).of(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:DB8::1", "2001:db8::1"),
        ("198.51.100.0/24", "198.51.100.0/24"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_addresses_and_networks_are_taken_as_they_stand(text: str, expected: str) -> None:
    assert subject(text) == expected


def test_users_are_named_by_name_mail_address_or_id() -> None:
    alice = User.objects.create_user("Alice", "alice@example.org")
    for text in ("user=alice", "user= ALICE@example.org", f"user={alice.pk}", "User=alice"):
        assert subject(text) == f"user={alice.pk}"


def test_what_is_one_user_s_name_and_another_s_id_means_neither() -> None:
    alice = User.objects.create_user("alice", "alice@example.org")
    squatter = User.objects.create_user(str(alice.pk), "squatter@example.org")
    with pytest.raises(OverrideError, match="Several users go by"):
        subject(f"user={alice.pk}")
    assert subject("user=alice") == f"user={alice.pk}"
    assert subject("user=squatter@example.org") == f"user={squatter.pk}"
    # Whoever may not know users' names means ids alone.
    assert subject(f"user={alice.pk}", by_name=False) == f"user={alice.pk}"


def test_a_name_of_several_is_refused() -> None:
    User.objects.create_user("alice", "a@example.org")
    User.objects.create_user("bob", "alice")
    with pytest.raises(OverrideError, match="Several users"):
        subject("user=alice")


def test_whoever_may_not_know_users_gives_ids() -> None:
    User.objects.create_user("alice", "alice@example.org")
    with pytest.raises(OverrideError, match="Give the user's id"):
        subject("user=alice", by_name=False)
    assert subject("user=999", by_name=False) == "user=999"


def test_what_two_fields_are_called_but_for_case_is_told_apart_by_case() -> None:
    for slug, key in (("login", "field:Name"), ("api-search", "field:name")):
        Policy.objects.filter(slug=slug).update(key=parse_client_key(key))
    for key in ("field:Name", "field:name"):
        assert subject(f"{key}=alice") == subjects.subject_named("alice", kind=Kind.VALUE, key=key)
    assert subject("Field:Name=alice") == subjects.subject_named("alice", kind=Kind.VALUE, key="field:Name")
    with pytest.raises(OverrideError, match="field:Name or field:name"):
        subject("field:NAME=alice")


def test_groups_and_what_clients_send_are_named_by_their_kind() -> None:
    Policy.objects.filter(slug="api-search").update(key=parse_client_key(KEY))
    group = Group.objects.create(name="Partners")
    assert subject("group=partners") == f"group={group.pk}"
    assert subject("header:x-api-key=se=cret") == subjects.subject_named("se=cret", kind=Kind.VALUE, key=KEY)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not an address"),
        ("alice", "Users are written user=alice"),
        ("198.51.100.7/24", "write 198.51.100.0/24"),
        ("user=nobody", "There is no user “nobody”"),
        ("group=nobody", "There is no group “nobody”"),
        ("header:X-Other=secret", "No policy counts by header:X-Other"),
        ("user=" + "9" * 30, "There is no user"),
        ("user=", "There is no user"),
    ],
)
def test_what_means_nobody_is_told_with_what_would_be_right(text: str, words: str) -> None:
    with pytest.raises(OverrideError, match=words):
        subject(text)


def test_thousands_of_users_are_looked_up_together(django_assert_max_num_queries: Any) -> None:
    made = User.objects.bulk_create(User(username=f"user{n}", email=f"{n}@example.org") for n in range(3000))
    texts = [f"user={name}" for user in made for name in (user.username, user.email, user.pk)]
    with django_assert_max_num_queries(20):
        listed = ListedSubjects(texts, by_name=True)
        found = {listed.of(text) for text in texts}
    assert found == {f"user={user.pk}" for user in made}


@pytest.mark.parametrize("tag", ["User=", "user =", " USER = "])
def test_users_are_looked_up_together_however_their_kind_is_written(
    tag: str, django_assert_max_num_queries: Any
) -> None:
    made = User.objects.bulk_create(User(username=f"user{n}", email=f"{n}@example.org") for n in range(50))
    texts = [f"{tag}{user.username}" for user in made]
    with django_assert_max_num_queries(3):
        listed = ListedSubjects(texts, by_name=True)
        assert [listed.of(text) for text in texts] == [f"user={user.pk}" for user in made]


def test_who_is_no_user_is_not_looked_up_once_more(django_assert_max_num_queries: Any) -> None:
    texts = [f"user=nobody{n}" for n in range(50)]
    with django_assert_max_num_queries(3):
        listed = ListedSubjects(texts, by_name=True)
        for text in texts:
            with pytest.raises(OverrideError):
                listed.of(text)


def test_a_group_is_looked_up_once(django_assert_max_num_queries: Any) -> None:
    group = Group.objects.create(name="Partners")
    with django_assert_max_num_queries(3):
        listed = ListedSubjects(["group=Partners"] * 50, by_name=True)
        assert {listed.of(text) for text in ["group=Partners"] * 50} == {f"group={group.pk}"}
