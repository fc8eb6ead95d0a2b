"""A field is found wherever a view would look for it, and whoever could change it at will is counted by address."""

import json
from io import BytesIO
from time import perf_counter

import pytest
from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.core.handlers.asgi import ASGIRequest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from limits.identity import client_of
from tests.limits.identity.asking import BODIES, FIELD, FORM, HERE, JANE, JSON, MULTIPART, NOBODY, asked, sent


def test_a_field_is_read_from_the_form_and_the_query() -> None:
    posted = asked(email="jane@example.org")
    queried = RequestFactory().get("/", {"email": "jane@example.org"})
    both = RequestFactory().post("/?email=jane@example.org", {"email": " jane@example.org"})
    blank = RequestFactory().post("/?email=+", {"email": "jane@example.org"})
    assert {client_of(request, key=FIELD) for request in (posted, queried, both, blank)} == {JANE}


@pytest.mark.parametrize("content_type", BODIES)
def test_a_field_is_found_in_whatever_a_login_sends(content_type: str) -> None:
    assert client_of(sent(BODIES[content_type], content_type), key=FIELD) == JANE


@pytest.mark.parametrize("content_type", BODIES)
def test_a_field_is_read_under_asgi(content_type: str) -> None:
    headers = [(b"content-type", content_type.encode())]
    scope = {"type": "http", "method": "POST", "path": "/日本", "headers": headers, "client": [HERE, 41234]}
    assert client_of(ASGIRequest(scope, BytesIO(BODIES[content_type].encode())), key=FIELD) == JANE


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/vnd.api+json", "text/plain"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_json_object_is_read_whatever_it_is_called(content_type: str, method: str) -> None:
    assert client_of(sent(BODIES[JSON], content_type, method=method), key=FIELD) == JANE


def test_a_number_in_json_is_the_same_as_its_text() -> None:
    assert client_of(sent('{"email": 17}', JSON), key=FIELD) == client_of(sent('{"email": "17"}', JSON), key=FIELD)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "17",
        "null",
        '"jane@example.org"',
        "{}",
        '{"email": null}',
        '{"email": true}',
        '{"email": ""}',
        '{"email": ["jane@example.org"]}',
        '{"form": {"email": "jane@example.org"}}',
        "[" * 100_000,
        '{"email": ' + "9" * 10_000 + "}",
        b"\xff\xfe\x00",
    ],
)
def test_json_without_the_field_is_counted_by_address(body: str | bytes) -> None:
    assert client_of(sent(body, JSON), key=FIELD) == NOBODY


def test_padding_does_not_hide_a_field() -> None:
    """Whatever a view would take, counts: else a large enough request would get around the limit."""
    padding = SimpleUploadedFile("padding", b"x" * 3_000_000)
    form = RequestFactory().post("/", {"email": "jane@example.org", "file": padding}, REMOTE_ADDR=HERE)
    assert client_of(form, key=FIELD) == JANE
    file = form.FILES["file"]
    assert isinstance(file, UploadedFile)
    assert file.size == 3_000_000
    form.close()
    padded = json.dumps({"padding": "x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE - 100), "email": "jane@example.org"})
    assert client_of(sent(padded, JSON), key=FIELD) == JANE


def test_a_query_with_too_many_fields_is_counted_by_address() -> None:
    request = sent("", FORM, path="/?" + "a=&" * 2_000)
    assert client_of(request, key=FIELD) == NOBODY
    with pytest.raises(TooManyFieldsSent):
        _ = request.GET


def test_a_body_that_has_nothing_to_say_leaves_the_query() -> None:
    for body, content_type in [("<a/>", "text/xml"), ("{}", JSON), ("a=b", FORM), ("", "multipart/form-data")]:
        assert client_of(sent(body, content_type, path="/?email=jane@example.org"), key=FIELD) == JANE


@pytest.mark.parametrize("content_type", BODIES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_the_same_value_in_two_places_is_one(content_type: str, method: str) -> None:
    path = "/?email=jane%40example.org"
    assert client_of(sent(BODIES[content_type], content_type, path=path, method=method), key=FIELD) == JANE
    assert client_of(sent(BODIES[content_type], content_type, method=method), key=FIELD) == JANE


JSON_WITH_A_FORM_INSIDE = '{"email": "jane@example.org", "x": "&email=rotated&"}'


@pytest.mark.parametrize(
    ("body", "content_type", "query"),
    [
        pytest.param(BODIES[JSON], FORM, "rotated", id="JSON called a form, and a query"),
        pytest.param(BODIES[JSON], MULTIPART, "rotated", id="JSON called a form with files, and a query"),
        pytest.param(BODIES[JSON], JSON, "rotated", id="JSON and a query"),
        pytest.param("\ufeff" + BODIES[JSON], "", "rotated", id="JSON with a mark of byte order, and a query"),
        pytest.param(BODIES[JSON].encode("utf-16"), JSON, "rotated", id="JSON in UTF-16, and a query"),
        pytest.param(BODIES[FORM], FORM, "rotated", id="a form and a query"),
        pytest.param(BODIES[MULTIPART], MULTIPART, "rotated", id="a form with files, and a query"),
        pytest.param(JSON_WITH_A_FORM_INSIDE, FORM, "", id="a form within JSON"),
        pytest.param('{"email": "rotated", "x": "&email=jane&"}', FORM, "", id="JSON around a form"),
        pytest.param(f"{BODIES[FORM]}&email=rotated", FORM, "", id="a form with two values"),
        pytest.param("", FORM, "jane@example.org&email=rotated", id="a query with two values"),
        pytest.param('{"email": "017"}', JSON, "17", id="one number written in two ways"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_who_sends_two_values_is_counted_by_address(
    body: str | bytes, content_type: str, query: str, method: str
) -> None:
    """One of them is what the view reads; whoever changes the other one at will would never be refused."""
    assert client_of(sent(body, content_type, path=f"/?email={query}", method=method), key=FIELD) == NOBODY


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param("{", JSON, id="broken JSON"),
        pytest.param('{"email": ' + "9" * 10_000 + "}", JSON, id="a number too long"),
        pytest.param('{"email": 17.5}', JSON, id="a fraction, which int() cuts"),
        pytest.param('{"email": ["jane@example.org"]}', JSON, id="a list"),
        pytest.param("a=" + "x" * 3_000_000, FORM, id="a form too large"),
        pytest.param("{" + " " * 3_000_000 + "}", JSON, id="JSON too large, which a view can stream"),
        pytest.param("a=&" * 2_000, FORM, id="too many fields"),
        pytest.param("junk", "multipart/form-data", id="no boundary"),
        pytest.param("+AHsAIgBl-", "application/json; charset=utf-7", id="a character set of many spellings"),
    ],
)
def test_beside_a_body_that_cannot_be_read_the_query_is_not_believed(body: str, content_type: str) -> None:
    """Else a view that reads the body after all is tried without end, with another query each time."""
    assert client_of(sent(body, content_type, path="/?email=rotated"), key=FIELD) == NOBODY


def test_a_thousand_long_values_are_looked_at_in_no_time() -> None:
    values = "&".join(f"email={'%EF%B7%BA' * 250}{number}" for number in range(900))
    begun = perf_counter()
    assert client_of(sent(values, FORM), key=FIELD) == NOBODY
    assert perf_counter() - begun < 1


@given(st.binary(), st.sampled_from([*BODIES, "", "text/html", "multipart/form-data"]))
def test_whatever_is_sent_somebody_is_counted(body: bytes, content_type: str) -> None:
    assert client_of(sent(body, content_type), key=FIELD)
