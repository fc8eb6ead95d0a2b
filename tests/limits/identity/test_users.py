"""Users by their id; who is not logged in, by address."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils.functional import SimpleLazyObject

from limits.core import keys
from limits.core.client_keys import ClientKey
from limits.identity import client_named, client_of, needs_user, user_id_of, values_of
from portal.accounts.models import User
from tests.limits.counter_names import CounterName, parse_counter
from tests.limits.identity.asking import HERE, KEYS, USER, asked


def test_a_user_is_counted_wherever_he_is() -> None:
    assert client_of(asked(user=17), key=USER) == client_of(asked(user=17, peer="1.2.3.4"), key=USER) == "user=17"


@pytest.mark.parametrize("key", [USER, ClientKey("user or ip")])
def test_trap_anonymous_visitors_are_counted_by_address(key: ClientKey) -> None:
    one, other = (client_of(asked(peer=peer), key=key) for peer in ("1.2.3.4", "1.2.3.5"))
    assert one != other
    assert one.endswith("=@1.2.3.4")


def test_without_users_in_the_project_the_address_is_counted() -> None:
    request = asked()
    del request.user
    assert client_of(request, key=USER) == f"user=@{HERE}"


def test_a_user_and_an_address_never_share_a_counter() -> None:
    assert client_of(asked(user=17), key=USER) != client_of(asked(peer="0.0.0.17"), key=USER)


@pytest.mark.parametrize(("user", "user_id"), [(None, ""), (17, "17")])
def test_a_user_is_known_by_the_id(user: int | None, user_id: str) -> None:
    assert user_id_of(asked(user=user)) == user_id


def test_nobody_chooses_an_id_that_reads_as_another_client() -> None:
    request = asked()
    for chosen in (f"@{HERE}", "a+b", "}:60", "jane@example.org", "x" * 500, "a\r\nb"):
        request.user = User(pk=chosen)
        client = client_of(request, key=USER)
        assert client == client_named(chosen, key=USER) or chosen == f"@{HERE}"
        assert chosen not in client
        assert parse_counter(keys.counter("login", client=client, window_seconds=60)) == CounterName(
            "login", client, 60
        )


@pytest.mark.parametrize("key", KEYS)
def test_the_session_is_looked_at_only_where_a_user_is_counted(key: ClientKey) -> None:
    looks: list[str] = []

    def look() -> AnonymousUser:
        looks.append("looked")
        return AnonymousUser()

    request = asked()
    request.user = SimpleLazyObject(look)  # type: ignore[assignment]
    client_of(request, key=key)
    values_of(request, key=key)
    assert bool(looks) == needs_user(key)
