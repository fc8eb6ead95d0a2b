"""What an operator types for a client names the one that is counted."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from limits.core.client_keys import ClientKey
from limits.identity import client_named, client_of
from tests.limits.identity.asking import (
    FIELD,
    HEADER,
    HERE,
    IP,
    IP_AND_FIELD,
    KEYS,
    UNIX_SOCKET,
    USER,
    USER_AND_HEADER,
    asked,
    few_examples,
)


@given(st.ip_addresses())
def test_an_address_names_the_client_that_is_counted(address: object) -> None:
    request = asked(peer=str(address))
    assert client_named(str(address), key=IP) == client_of(request, key=IP)
    for key in (USER, ClientKey("user or ip")):
        assert client_named(str(address), key=key) == client_of(request, key=key)


@few_examples
@given(st.integers(1))
def test_a_users_id_names_the_client_that_is_counted(number: int) -> None:
    for key in (USER, ClientKey("user or ip")):
        assert client_named(str(number), key=key) == client_of(asked(user=number), key=key)


@given(st.text())
def test_what_was_typed_names_the_client_that_is_counted(text: str) -> None:
    assume(text.strip())
    for key in (HEADER, FIELD):
        counted = client_of(asked(header=text, email=text), key=key)
        assume("@" not in counted)
        assert client_named(text, key=key) == counted


@given(st.ip_addresses(), st.from_regex(r"[a-z@. ]{0,9}[a-z]", fullmatch=True), st.integers(1))
def test_two_names_joined_name_the_client_that_is_counted(address: object, text: str, number: int) -> None:
    request = asked(peer=str(address), user=number, header=text, email=text)
    assert client_named(f"{address} and {text}", key=IP_AND_FIELD) == client_of(request, key=IP_AND_FIELD)
    assert client_named(f"{number} AND {text}", key=USER_AND_HEADER) == client_of(request, key=USER_AND_HEADER)


def test_what_was_typed_may_hold_an_and_itself() -> None:
    request = asked(email="salt and pepper")
    assert client_named(f"{HERE} and salt and pepper", key=IP_AND_FIELD) == client_of(request, key=IP_AND_FIELD)


@pytest.mark.parametrize("key", [key for key in KEYS if key not in (HEADER, FIELD)])
def test_an_address_alone_names_who_brought_nothing_else(key: ClientKey) -> None:
    for place in (HERE, "2001:db8:1:2::1"):
        assert client_named(place, key=key) == client_of(asked(peer=place), key=key)


def test_half_a_name_names_nobody_that_is_counted() -> None:
    assert client_named("17", key=USER_AND_HEADER) == "user+header:X-Api-Key=17+"


def test_users_are_named_as_people_call_them() -> None:
    ids = {"jane": "17"}
    for key, text in ((USER, "jane"), (USER_AND_HEADER, "jane and k-123")):
        named = client_named(text, key=key, find_user=lambda called: ids.get(called, called))
        assert named == client_of(asked(user=17, header="k-123"), key=key)


@given(
    key=st.sampled_from(KEYS),
    peer=st.ip_addresses().map(str) | st.just(UNIX_SOCKET),
    user=st.none() | st.integers(1),
    text=st.text(max_size=10),
)
def test_a_client_as_it_is_shown_names_itself(key: ClientKey, peer: str, user: int | None, text: str) -> None:
    shown = client_of(asked(peer=peer, user=user, header=text, email=text), key=key)
    assert client_named(shown, key=key) == shown


@few_examples
@given(st.text())
def test_whatever_an_operator_types_names_some_client(text: str) -> None:
    for key in KEYS:
        assert isinstance(client_named(text, key=key), str)
