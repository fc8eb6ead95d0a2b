from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limits.core.policies import METHODS, ClientKey, ClientKeyError, parse_client_key
from tests.limits.making import policy


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("ip", ClientKey("ip")),
        (" IP ", ClientKey("ip")),
        ("user", ClientKey("user")),
        ("user or ip", ClientKey("user or ip")),
        ("User  or IP", ClientKey("user or ip")),
        ("user_or_ip", ClientKey("user or ip")),
        ("header:X-Api-Key", ClientKey("header", "X-Api-Key")),
        ("header:x-api-KEY", ClientKey("header", "X-Api-Key")),
        ("field:email", ClientKey("field", "email")),
        ("field:Email", ClientKey("field", "Email")),
        ("field:order[user_id].name", ClientKey("field", "order[user_id].name")),
    ],
)
def test_who_is_counted_is_read_as_people_write_it(text: str, key: ClientKey) -> None:
    assert parse_client_key(text) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "address",
        "ip address",
        "ip,user",
        "user17",
        "header",
        "header:",
        "header: ",
        "header:X Api Key",
        "header:X-Api-Key\r\nCookie",
        "header:X-Äpi-Key",
        "field:",
        "field:a b",
        "field:naïve",
        "field:a:b",
        "field:" + "a" * 65,
        "cookie:session",
        "٣",
    ],
)
def test_what_names_nobody_is_refused_with_what_would(text: str) -> None:
    with pytest.raises(ClientKeyError, match="ip, user, user or ip, header:NAME or field:NAME"):
        parse_client_key(text)


@pytest.mark.parametrize("name", ["X_Api_Key", "X.Api", "X[0]"])
def test_a_header_that_no_server_passes_on_is_refused(name: str) -> None:
    with pytest.raises(ClientKeyError, match="letters, digits and dashes"):
        parse_client_key(f"header:{name}")


@given(st.text() | st.from_regex(r"(header|field):[A-Za-z0-9_.\-\[\]]*", fullmatch=True))
def test_any_text_names_somebody_or_is_refused(text: str) -> None:
    try:
        key = parse_client_key(text)
    except ClientKeyError:
        return
    assert parse_client_key(str(key)) == key
    assert len(str(key)) <= 80, "longer than the column that keeps it"


def test_a_policy_without_methods_looks_at_every_request() -> None:
    assert all(policy().covers(method) for method in (*METHODS, "HEAD", "TRACE", "BREW", ""))


def test_a_policy_looks_at_its_methods_only() -> None:
    posts = policy(methods=("POST", "PUT"))
    assert [method for method in METHODS if posts.covers(method)] == ["POST", "PUT"]


def test_a_head_request_counts_as_the_get_that_it_is() -> None:
    assert policy(methods=("GET",)).covers("HEAD")
    assert not policy(methods=("POST",)).covers("HEAD")


def test_a_policy_that_is_off_looks_at_nothing() -> None:
    assert not any(policy(enabled=False).covers(method) for method in METHODS)


def test_a_policy_cannot_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        policy().enabled = False  # type: ignore[misc]
