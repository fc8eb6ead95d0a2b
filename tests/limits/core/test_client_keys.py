from dataclasses import FrozenInstanceError

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from limits.core.client_keys import ClientKey, ClientKeyError, parse_client_key

EMAIL = ClientKey("field", "email")
API_KEY = ClientKey("header", "X-Api-Key")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("ip", ClientKey("ip")),
        (" IP ", ClientKey("ip")),
        ("user", ClientKey("user")),
        ("user or ip", ClientKey("user or ip")),
        ("User  or IP", ClientKey("user or ip")),
        ("user_or_ip", ClientKey("user or ip")),
        ("user-or-ip", ClientKey("user or ip")),
        ("everyone", ClientKey("everyone")),
        (" Everyone", ClientKey("everyone")),
        ("header:X-Api-Key", API_KEY),
        ("header:x-api-KEY", API_KEY),
        ("Header : x-api-key", API_KEY),
        ("field:email", EMAIL),
        ("FIELD: email", EMAIL),
        ("field:Email", ClientKey("field", "Email")),
        ("field:order[user_id].name", ClientKey("field", "order[user_id].name")),
        ("field:user_and_ip", ClientKey("field", "user_and_ip")),
    ],
)
def test_who_is_counted_is_read_as_people_write_it(text: str, key: ClientKey) -> None:
    assert parse_client_key(text) == key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("ip and field:email", ClientKey("ip", other=EMAIL)),
        ("IP AND field : email", ClientKey("ip", other=EMAIL)),
        ("ip+field:email", ClientKey("ip", other=EMAIL)),
        ("ip +\nfield:email", ClientKey("ip", other=EMAIL)),
        ("field:email and ip", ClientKey("ip", other=EMAIL)),
        ("user and ip", ClientKey("ip", other=ClientKey("user"))),
        ("user and header:x-api-key", ClientKey("user", other=API_KEY)),
        ("field:email and user or ip", ClientKey("user or ip", other=EMAIL)),
        ("field:email and header:x-api-key", ClientKey("header", "X-Api-Key", EMAIL)),
        ("field:name and field:email", ClientKey("field", "email", ClientKey("field", "name"))),
    ],
)
def test_two_are_joined_in_either_order(text: str, key: ClientKey) -> None:
    assert parse_client_key(text) == key


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("USER_OR_IP", "user or ip"),
        ("header: x-api-key", "header:X-Api-Key"),
        ("field:username+ip", "ip and field:username"),
        ("field:email and user_or_ip", "user or ip and field:email"),
    ],
)
def test_a_key_is_written_in_one_way(text: str, canonical: str) -> None:
    assert str(parse_client_key(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "address",
        "ip address",
        "ip,user",
        "ip, field:email",
        "ip or user",
        "ip and",
        "and ip",
        "ip and and user",
        "ip + + user",
        "+",
        "user17",
        "everyone:all",
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
        "field:{a}",
        "field:" + "a" * 65,
        "cookie:session",
        "٣",
    ],
)
def test_what_names_nobody_is_refused_with_what_would(text: str) -> None:
    with pytest.raises(ClientKeyError, match="ip, user, user or ip, header:NAME, field:NAME, everyone, or two joined"):
        parse_client_key(text)


@pytest.mark.parametrize("name", ["X_Api_Key", "X.Api", "X[0]"])
def test_a_header_that_no_server_passes_on_is_refused(name: str) -> None:
    with pytest.raises(ClientKeyError, match="letters, digits and dashes"):
        parse_client_key(f"header:{name}")


def test_three_are_too_many() -> None:
    with pytest.raises(ClientKeyError, match="Two can be joined, not more"):
        parse_client_key("ip and user and field:email")


@pytest.mark.parametrize("text", ["everyone and ip", "field:email and everyone", "everyone and everyone"])
def test_everyone_is_joined_with_nobody(text: str) -> None:
    with pytest.raises(ClientKeyError, match="“everyone” stands alone"):
        parse_client_key(text)


@pytest.mark.parametrize(
    "text", ["ip and ip", "user and user or ip", "header:x-api-key and header:X-API-KEY", "field:email+field:email"]
)
def test_two_that_count_the_same_are_not_joined(text: str) -> None:
    with pytest.raises(ClientKeyError, match="count the same"):
        parse_client_key(text)


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}", fullmatch=True)
one = st.sampled_from(["ip", "user", "user or ip"]) | st.builds(
    "{}:{}".format, st.sampled_from(["header", "field"]), names
)


@given(st.text() | st.from_regex(r"(header|field):[A-Za-z0-9_.\-\[\]]*", fullmatch=True) | one | st.just("everyone"))
def test_any_text_names_somebody_or_is_refused(text: str) -> None:
    try:
        key = parse_client_key(text)
    except ClientKeyError:
        return
    assert parse_client_key(str(key)) == key
    assert len(str(key)) <= 160, "longer than the column that keeps it"


@given(one, one, st.sampled_from([" and ", "+", " + ", " AND "]))
def test_two_joined_are_written_as_they_are_read(first: str, second: str, joint: str) -> None:
    parts = {parse_client_key(first), parse_client_key(second)}
    assume(len(parts) == 2 and parts != {ClientKey("user"), ClientKey("user or ip")})
    key = parse_client_key(first + joint + second)
    assert parse_client_key(str(key)) == key == parse_client_key(second + joint + first)
    assert set(key.parts) == parts
    assert len(str(key)) <= 160, "longer than the column that keeps it"


def test_the_parts_of_a_key_stand_by_themselves() -> None:
    assert EMAIL.parts == (EMAIL,)
    assert ClientKey("header", "X-Api-Key", EMAIL).parts == (API_KEY, EMAIL)


def test_a_key_cannot_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        EMAIL.name = "username"  # type: ignore[misc]
