"""Two keys joined, everyone, and that no two kinds of client share a name."""

import pytest

from limits.core.client_keys import ClientKey
from limits.identity import client_of
from tests.limits.identity.asking import EVERYONE, HERE, IP_AND_FIELD, JANE, KEYS, USER_AND_HEADER, asked


def test_two_joined_are_counted_by_pairs() -> None:
    clients = {
        client_of(asked(peer=peer, email=email), key=IP_AND_FIELD)
        for peer in (HERE, "198.51.100.7")
        for email in ("jane@example.org", "eve@example.org", "JANE@example.org")
    }
    assert len(clients) == 4


def test_a_joined_client_reads_as_its_key() -> None:
    digest = JANE.removeprefix("field:email=")
    assert client_of(asked(email="jane@example.org"), key=IP_AND_FIELD) == f"ip+field:email={HERE}+{digest}"


@pytest.mark.parametrize("key", [key for key in KEYS if key.other])
def test_what_is_missing_in_a_joined_key_is_the_address(key: ClientKey) -> None:
    one, other = (client_of(asked(peer=peer), key=key) for peer in ("1.2.3.4", "1.2.3.5"))
    assert one != other
    assert one.count("1.2.3.4") == 2


def test_half_of_a_joined_key_is_enough_to_share_nothing() -> None:
    one, other = (client_of(asked(peer=peer, header="k-123"), key=USER_AND_HEADER) for peer in ("1.2.3.4", "1.2.3.5"))
    assert one != other
    assert one != client_of(asked(peer="1.2.3.4", user=17, header="k-123"), key=USER_AND_HEADER)


def test_everyone_is_one_client() -> None:
    assert {client_of(asked(peer=peer, user=17), key=EVERYONE) for peer in (HERE, "1.2.3.4", "::1")} == {"everyone"}


def test_each_kind_counts_under_names_of_its_own() -> None:
    everything = asked(user=17, header="jane@example.org", email="jane@example.org")
    nothing = asked()
    clients = [client_of(request, key=key) for key in KEYS for request in (everything, nothing)]
    same_for_both = 2  # by address, and for everyone
    assert len(set(clients)) == len(clients) - same_for_both
