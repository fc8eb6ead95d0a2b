"""Headers and fields: one client however the text is written, and a short hash in Redis."""

import pytest
from django.http import QueryDict
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from limits.core import keys
from limits.core.client_keys import ClientKey, parse_client_key
from limits.identity import client_named, client_of, values_of
from tests.limits.counter_names import CounterName, parse_counter
from tests.limits.identity.asking import (
    FIELD,
    FORM,
    HEADER,
    HERE,
    IP_AND_FIELD,
    KEYS,
    NOBODY,
    USER_AND_HEADER,
    asked,
    few_examples,
)


@pytest.mark.parametrize("blank", [None, "", "  ", "\t\r\n", "\u00a0", "\u3000"])
def test_trap_who_sends_no_header_is_counted_by_address(blank: str | None) -> None:
    one, other = (client_of(asked(peer=peer, header=blank), key=HEADER) for peer in ("1.2.3.4", "1.2.3.5"))
    assert (one, other) == ("header:X-Api-Key=@1.2.3.4", "header:X-Api-Key=@1.2.3.5")


def test_trap_who_fills_in_no_field_is_counted_by_address() -> None:
    assert client_of(asked(), key=FIELD) == client_of(asked(email=" "), key=FIELD) == f"field:email=@{HERE}"


def test_what_was_typed_is_counted_wherever_it_comes_from() -> None:
    one, other = (client_of(asked(peer=peer, header="k-123"), key=HEADER) for peer in ("1.2.3.4", "1.2.3.5"))
    assert one == other
    assert one != client_of(asked(header="k-124"), key=HEADER)


@pytest.mark.parametrize(
    "typed",
    [
        "JANE@Example.org",
        "  jane@example.org\n",
        " " * 5_000 + "jane@example.org",
        "jane@example.org" + " " * 5_000,
        "ｊａｎｅ@example.org",
        "jané@example.org",
        "jane\u0301@example.org",
        "ja\u200bne@example.org",
        "jane\ufe0f@example.org",
        "\ufeffjane@exam\u00adple.org",
        "ja\x00ne@example.org",
    ],
)
def test_another_form_of_the_same_text_is_no_new_client(typed: str) -> None:
    plain = client_of(asked(email="jane@example.org"), key=FIELD)
    assert client_of(asked(email=typed), key=FIELD) == plain


@pytest.mark.parametrize("field", ["17", "017", "0" * 300 + "17", "+17", "+0017", "0_17", " 17 ", "１７", "١٧"])
def test_a_number_counts_as_one_however_it_is_written(field: str) -> None:
    """A view that calls int() finds the same account."""
    assert int(field) == 17
    assert client_of(asked(email=field), key=FIELD) == client_named("17", key=FIELD)
    assert client_of(asked(email=f"{field}x"), key=FIELD) != client_named("17", key=FIELD)


def test_zero_is_a_number_and_no_blank() -> None:
    zero, zeros, one = (client_of(asked(email=field), key=FIELD) for field in ("0", "000", "1"))
    assert zero == zeros
    assert len({zero, one, NOBODY}) == 3


@pytest.mark.parametrize("key", [HEADER, FIELD, IP_AND_FIELD, USER_AND_HEADER])
@few_examples
@given(
    text=st.text(st.characters())
    | st.sampled_from(
        ["a\r\nSet-Cookie: x", "a" * 1_000_000, "\ufdfa" * 1_000_000, "\ud800\udfff", "}:60", "*", "\x00"]
    )
)
def test_trap_whatever_was_typed_the_key_is_short_and_plain(key: ClientKey, text: str) -> None:
    request = asked(header=text)
    request.content_type = FORM
    request.POST = QueryDict(mutable=True)
    request.POST["email"] = text
    client = client_of(request, key=key)
    name = keys.counter("login", client=client, window_seconds=60)
    assert len(name) < 80
    assert name.isascii()
    assert name.isprintable()
    assert " " not in name
    assert parse_counter(name) == CounterName("login", client, 60)


@pytest.mark.parametrize("key", [HEADER, FIELD])
@few_examples
@given(text=st.from_regex(r"[a-z0-9]{6,}@example\.org", fullmatch=True))
def test_what_was_typed_cannot_be_read_in_the_key(key: ClientKey, text: str) -> None:
    client = client_of(asked(header=text, email=text), key=key)
    assert text not in client
    assert "example" not in client


def test_the_hash_cannot_be_made_without_the_installations_key() -> None:
    with override_settings(LIMITS_HASH_KEY="one key of an installation"):
        one = client_of(asked(header="k-123"), key=HEADER)
    with override_settings(LIMITS_HASH_KEY="the key of another one"):
        other = client_of(asked(header="k-123"), key=HEADER)
    assert one != other


def test_typed_values_are_found_as_they_stand_in_redis() -> None:
    request = asked(user=17, header="k-123", email="jane@example.org")
    header, field = client_named("k-123", key=HEADER), client_named("jane@example.org", key=FIELD)
    assert values_of(request, key=HEADER) == (header,)
    assert values_of(request, key=IP_AND_FIELD) == (field,)
    assert values_of(request, key=parse_client_key("field:email and header:x-api-key")) == (header, field)


@pytest.mark.parametrize("key", KEYS)
def test_who_typed_nothing_has_no_typed_values(key: ClientKey) -> None:
    assert values_of(asked(user=17), key=key) == ()
