"""Subjects between people's words and the names under which they are kept."""

import pytest
from django.contrib.auth.models import Group

from limits import identity, subjects
from limits.core.client_keys import parse_client_key
from limits.core.overrides import Kind, OverrideError
from limits.models import Override, Policy
from portal.accounts.models import User
from tests.limits import making
from tests.limits.overriding import saved

pytestmark = pytest.mark.django_db
KEY = "header:X-Api-Key"


def found_by(text: str) -> list[str]:
    return sorted(Override.objects.filter(subjects.subjects_found_by(text)).values_list("subject", flat=True))


@pytest.mark.parametrize(
    ("text", "kind", "subject"),
    [
        (" 203.0.113.9 ", Kind.ADDRESS, "203.0.113.9"),
        ("203.0.113.9:8080", Kind.ADDRESS, "203.0.113.9"),
        ("64:ff9b::203.0.113.9", Kind.ADDRESS, "203.0.113.9"),
        ("[2001:db8::1]", Kind.ADDRESS, "2001:db8::1"),
        ("198.51.100.0/24", Kind.NETWORK, "198.51.100.0/24"),
        ("198.51.100.7/32", Kind.NETWORK, "198.51.100.7/32"),
    ],
)
def test_places_are_named_as_requests_are(text: str, kind: Kind, subject: str) -> None:
    assert subjects.subject_named(text, kind=kind) == subject


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("198.51.100.0/24", Kind.ADDRESS),
        ("198.51.100.7", Kind.NETWORK),
        ("alice", Kind.ADDRESS),
        ("nobody", Kind.USER),
        ("999999", Kind.USER),
        ("nothing", Kind.GROUP),
        ("", Kind.USER),
        ("secret", Kind.VALUE),
        ("user=1", Kind.ADDRESS),
        ("group=1", Kind.ADDRESS),
        ("header:X-Api-Key=4f0c4f0c", Kind.ADDRESS),
        ("user=1/2", Kind.NETWORK),
        ("9" * 26, Kind.USER),
        ("9" * 26, Kind.ADDRESS),
    ],
)
def test_what_names_nobody_is_told(text: str, kind: Kind) -> None:
    with pytest.raises(OverrideError):
        subjects.subject_named(text, kind=kind)


def test_a_user_is_named_by_name_mail_or_id_and_shown_by_name() -> None:
    alice = User.objects.create_user("alice", "alice@example.org")
    named = {subjects.subject_named(text, kind=Kind.USER) for text in ("alice", "Alice@Example.org", str(alice.pk))}
    assert named == {f"user={alice.pk}"}
    assert subjects.in_words([f"user={alice.pk}", "user=999"]) == {
        f"user={alice.pk}": f"User {alice}",
        "user=999": "User 999, who is gone",
    }


def test_what_is_one_user_s_name_and_another_s_id_means_neither() -> None:
    jane = User.objects.create_user("jane", "jane@example.org")
    impostor = User.objects.create_user(str(jane.pk), "impostor@example.org")
    with pytest.raises(OverrideError):
        subjects.subject_named(str(jane.pk), kind=Kind.USER)
    assert subjects.subject_named("jane", kind=Kind.USER) == f"user={jane.pk}"
    assert subjects.subject_named("impostor@example.org", kind=Kind.USER) == f"user={impostor.pk}"
    # Whoever may not know users' names means ids alone.
    assert subjects.subject_named(str(jane.pk), kind=Kind.USER, by_name=False) == f"user={jane.pk}"


def test_many_users_are_named_as_one_is() -> None:
    jane = User.objects.create_user("Jane", "jane@example.org")
    zoe = User.objects.create_user("Zoë", "zoe@example.org")
    impostor = User.objects.create_user(str(jane.pk), "impostor@example.org")
    words = [" jane ", "JANE@example.org", str(jane.pk), "Zoë", "zoe", "nobody", "", "9" * 26]
    assert subjects.users_named(words) == dict(
        zip(words, ([jane], [jane], [jane, impostor], [zoe], [], [], [], []), strict=True)
    )


@pytest.mark.parametrize("text", ["07", "+7", "0_7", "٧"])
@pytest.mark.parametrize("by_name", [True, False])
def test_an_id_is_written_in_one_way(text: str, by_name: bool) -> None:
    User.objects.create(pk=7, username="jane", email="jane@example.org")
    with pytest.raises(OverrideError):
        subjects.subject_named(text, kind=Kind.USER, by_name=by_name)
    assert subjects.subject_named("7", kind=Kind.USER, by_name=by_name) == "user=7"


def test_a_user_who_is_filled_in_by_id_is_never_found_by_name() -> None:
    jane = User.objects.create_user("jane", "jane@example.org")
    User.objects.create_user(str(jane.pk), "impostor@example.org")
    User.objects.create_user("4711", "another@example.org")
    for by_name in (True, False):
        assert subjects.subject_filled_in(f"user={jane.pk}", kind=Kind.USER, by_name=by_name) == f"user={jane.pk}"
    assert subjects.subject_filled_in("user=4711", kind=Kind.USER, by_name=False) == "user=4711"
    for text in ("user=4711", "user=jane", "user="):
        with pytest.raises(OverrideError):
            subjects.subject_filled_in(text, kind=Kind.USER)
    assert subjects.subject_filled_in(" jane ", kind=Kind.USER) == f"user={jane.pk}"
    assert subjects.subject_filled_in("203.0.113.9", kind=Kind.ADDRESS) == "203.0.113.9"


def test_a_group_is_named_and_shown_by_its_name() -> None:
    group = Group.objects.create(name="Partners")
    assert subjects.subject_named("partners", kind=Kind.GROUP) == f"group={group.pk}"
    assert subjects.in_words([f"group={group.pk}"]) == {f"group={group.pk}": "Group Partners"}


def test_what_a_client_sends_is_named_by_the_hash_under_which_requests_are_counted() -> None:
    subject = subjects.subject_named(" Secret ", kind=Kind.VALUE, key=KEY)
    request = making.request(**{"X-Api-Key": "secret"})
    assert (subject,) == identity.values_of(request, key=parse_client_key(KEY))
    assert "ecret" not in subject


def test_blanks_are_nothing_that_a_client_sends() -> None:
    with pytest.raises(OverrideError):
        subjects.subject_named("  ", kind=Kind.VALUE, key=KEY)


def test_the_keys_to_choose_from_are_those_of_policies() -> None:
    assert subjects.typed_keys() == []
    Policy.objects.filter(slug="login").update(key=parse_client_key("ip and field:username"))
    Policy.objects.filter(slug="api-search").update(key=parse_client_key(KEY))
    assert subjects.typed_keys() == ["field:username", KEY]


def test_a_search_finds_by_plain_words() -> None:
    alice = User.objects.create_user("alice", "alice@example.org")
    group = Group.objects.create(name="Partners")
    alice.groups.add(group)
    value = subjects.subject_named("secret", kind=Kind.VALUE, key=KEY)
    for subject in ("203.0.113.9", "203.0.113.0/24", "10.0.0.0/8", f"user={alice.pk}", f"group={group.pk}", value):
        saved(subject)
    assert found_by("203.0.113.9") == ["203.0.113.0/24", "203.0.113.9"]
    assert found_by("203.0.113.0/24") == ["203.0.113.0/24", "203.0.113.9"]
    assert found_by("alice") == sorted([f"user={alice.pk}", f"group={group.pk}"])
    assert found_by("partners") == [f"group={group.pk}"]
    assert found_by("secret") == [value]
    assert found_by("who is that?") == []
    assert len(found_by("a test")) == 6


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("198.18.", ["198.18.0.0/15", "198.18.0.0/24", "198.18.0.1", "198.18.0.11", "198.18.7.0/25"]),
        ("198.18.0.1", ["198.18.0.0/15", "198.18.0.0/24", "198.18.0.1"]),
        (
            "198.18.0.0/15",
            ["198.18.0.0/15", "198.18.0.0/24", "198.18.0.1", "198.18.0.11", "198.18.7.0/25", "198.19.0.1"],
        ),
        ("198.18.0.0/16", ["198.18.0.0/24", "198.18.0.1", "198.18.0.11", "198.18.7.0/25"]),
        ("198.18.0.0/24", ["198.18.0.0/24", "198.18.0.1", "198.18.0.11"]),
        ("198.18.0.9/29", ["198.18.0.11"]),
        ("198.18.0.1/32", ["198.18.0.1"]),
        ("2001:DB8:", ["2001:db8:0:1::/64", "2001:db8:7::1", "2001:db8::/48", "2001:db8::1"]),
        ("2001:db8::", ["2001:db8::/48", "2001:db8::1"]),
        ("2001:db8::/32", ["2001:db8:0:1::/64", "2001:db8:7::1", "2001:db8::/48", "2001:db8::1"]),
        ("2001:db8::/48", ["2001:db8:0:1::/64", "2001:db8::/48", "2001:db8::1"]),
        ("2001:db8::/64", ["2001:db8::1"]),
        ("2001:db8:7::/48", ["2001:db8:7::1"]),
        ("::/0", ["2001:db8:0:1::/64", "2001:db8:7::1", "2001:db8::/48", "2001:db8::1"]),
        ("1/2", []),
    ],
)
def test_places_are_found_by_how_they_begin_and_by_networks_around_them(text: str, found: list[str]) -> None:
    for subject in ("198.18.0.0/15", "198.18.0.0/24", "198.18.0.1", "198.18.0.11", "198.18.7.0/25", "198.19.0.1"):
        saved(subject)
    for subject in ("2001:db8::/48", "2001:db8::1", "2001:db8:0:1::/64", "2001:db8:7::1", "user=198"):
        saved(subject)
    assert found_by(text) == found


def test_whoever_may_not_know_users_hears_the_same_whether_there_is_one_or_not() -> None:
    alice = User.objects.create_user("alice", "alice@example.org")
    mine, gone = f"user={alice.pk}", "user=999"
    for number in (str(alice.pk), "999"):
        assert subjects.subject_named(number, kind=Kind.USER, by_name=False) == f"user={number}"
    told = set()
    for name in ("alice", "alice@example.org", "nobody"):
        with pytest.raises(OverrideError) as refusal:
            subjects.subject_named(name, kind=Kind.USER, by_name=False)
        told.add(str(refusal.value))
    assert len(told) == 1
    assert subjects.in_words([mine, gone], by_name=False) == {mine: f"User {alice.pk}", gone: "User 999"}
    saved(mine)
    assert found_by("alice") == [mine]
    for text, found in (("alice", []), ("alice@example.org", []), (str(alice.pk), [mine]), (mine, [mine])):
        rows = Override.objects.filter(subjects.subjects_found_by(text, by_name=False))
        assert list(rows.values_list("subject", flat=True)) == found


def test_an_id_that_is_too_large_for_the_database_is_somebody_who_is_gone() -> None:
    huge = "9" * 26
    assert subjects.in_words([f"user={huge}", f"group={huge}"]) == {
        f"user={huge}": f"User {huge}, who is gone",
        f"group={huge}": f"Group {huge}, which is gone",
    }
    assert subjects.user_names([huge, "1_0", "x"]) == {}
