"""Counted clients in people's words."""

import pytest

from limits import client_words
from portal.accounts.models import User

pytestmark = pytest.mark.django_db
ADDRESS, HASH = "203.0.113.9", "4f0c" * 5


@pytest.mark.parametrize(
    ("client", "words"),
    [
        (ADDRESS, ADDRESS),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("user=@2001:db8:1:2::", "2001:db8:1:2::/64, not logged in"),
        (f"ip+field:username=2001:db8:1:2::+{HASH}", "2001:db8:1:2::/64 and field username, 4f0c4f0c…"),
        ("unknown", "Unknown address"),
        ("everyone", "Everyone, counted together"),
        (f"user=@{ADDRESS}", f"{ADDRESS}, not logged in"),
        ("user-or-ip=@unknown", "Unknown address, not logged in"),
        (f"header:X-Api-Key={HASH}", "Header X-Api-Key, 4f0c4f0c…"),
        (f"header:X-Api-Key=@{ADDRESS}", f"{ADDRESS}, without X-Api-Key"),
        (f"ip+field:username={ADDRESS}+{HASH}", f"{ADDRESS} and field username, 4f0c4f0c…"),
        (f"ip+field:username={ADDRESS}+@{ADDRESS}", f"{ADDRESS}, without username"),
        (f"ip+user={ADDRESS}+999", f"{ADDRESS} and user 999, who is gone"),
        (f"user+field:username=@{ADDRESS}+{HASH}", f"{ADDRESS} and field username, 4f0c4f0c…, not logged in"),
        (f"user+field:username=@{ADDRESS}+@{ADDRESS}", f"{ADDRESS}, not logged in, without username"),
        (f"ip+field:username=unknown+{HASH}", "Unknown address and field username, 4f0c4f0c…"),
        ("user=", "user"),
        ("bob", "bob"),
        ("", ""),
    ],
)
def test_every_kind_of_client_has_words(client: str, words: str) -> None:
    assert client_words.in_words([(client, 64)], by_name=True) == {(client, 64): words}


@pytest.mark.parametrize(
    ("ipv6_prefix", "words"),
    [(56, "2001:db8:1:200::/56"), (128, "2001:db8:1:200::"), (None, "2001:db8:1:200::")],
)
def test_an_ipv6_client_is_a_network_as_long_as_its_policy_says(ipv6_prefix: int | None, words: str) -> None:
    client = ("2001:db8:1:200::", ipv6_prefix)
    assert client_words.in_words([client, (ADDRESS, 64)], by_name=True) == {client: words, (ADDRESS, 64): ADDRESS}


def test_users_have_names_for_whoever_may_know_them() -> None:
    jane = User.objects.create_user("jane", "jane@example.org")
    own, joined = (f"user-or-ip={jane.pk}", None), (f"ip+user={ADDRESS}+{jane.pk}", 64)
    assert client_words.in_words([own, joined], by_name=True) == {own: "User jane", joined: f"{ADDRESS} and user jane"}
    assert client_words.in_words([own], by_name=False) == {own: f"User {jane.pk}"}
