"""A view finds its request as if nobody had looked for a field in it."""

from io import BytesIO
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.core.handlers.asgi import ASGIRequest
from django.http.multipartparser import MultiPartParserError

from limits.identity import client_of
from tests.limits.identity.asking import BODIES, FIELD, FORM, HERE, JANE, JSON, MULTIPART, NOBODY, part, sent


@pytest.mark.parametrize("content_type", BODIES)
def test_a_view_reads_the_body_after_us(content_type: str) -> None:
    request = sent(BODIES[content_type], content_type)
    client_of(request, key=FIELD)
    assert request.body == BODIES[content_type].encode()
    assert request.read() == BODIES[content_type].encode()
    form = sent(BODIES[content_type], content_type)
    client_of(form, key=FIELD)
    assert form.POST.get("email") == (None if content_type == JSON else "jane@example.org")


def test_a_view_chooses_its_upload_handlers_after_us() -> None:
    request = sent(BODIES[MULTIPART], MULTIPART)
    client_of(request, key=FIELD)
    request.upload_handlers = []
    assert request.upload_handlers == request.upload_handlers


def test_a_view_streams_what_is_too_large_for_memory() -> None:
    request = sent(b"x" * 3_000_000, "application/octet-stream")
    assert client_of(request, key=FIELD) == NOBODY
    assert len(request.read()) == 3_000_000


def test_a_view_streams_a_body_of_unknown_length_from_its_start() -> None:
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "client": [HERE, 41234]}
    request = ASGIRequest(scope, BytesIO(b"x" * 3_000_000))
    assert client_of(request, key=FIELD) == NOBODY
    assert len(request.read()) == 3_000_000


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        pytest.param("a=&" * 2_000, FORM, TooManyFieldsSent, id="too many fields"),
        pytest.param(part("a", "") * 2_000 + "--edge--\r\n", MULTIPART, TooManyFieldsSent, id="too many parts"),
        pytest.param("a=" + "x" * 3_000_000, FORM, RequestDataTooBig, id="too large"),
        pytest.param("junk", "multipart/form-data", MultiPartParserError, id="no boundary"),
        pytest.param("junk", "multipart/form-data; boundary=é", MultiPartParserError, id="a bad boundary"),
    ],
)
def test_a_view_meets_the_error_of_a_bad_form_itself(body: str, content_type: str, error: type[Exception]) -> None:
    request = sent(body, content_type)
    assert client_of(request, key=FIELD) == NOBODY
    with pytest.raises(error):
        _ = request.POST


@pytest.mark.parametrize("content_type", BODIES)
def test_a_client_that_hangs_up_is_counted_by_address(content_type: str) -> None:
    class Broken(BytesIO):
        def read(self, *size: Any) -> bytes:
            raise OSError("gone")

    request = sent("x" * 100, content_type)
    request._stream = Broken()
    assert client_of(request, key=FIELD) == NOBODY


@pytest.mark.parametrize("content_type", BODIES)
def test_a_body_read_by_somebody_else_is_left_alone(content_type: str) -> None:
    streamed = sent(BODIES[content_type], content_type)
    streamed.read()
    assert client_of(streamed, key=FIELD) == NOBODY
    kept = sent(BODIES[content_type], content_type)
    assert kept.body
    assert client_of(kept, key=FIELD) == JANE


def test_a_form_that_was_parsed_already_is_read() -> None:
    request = sent(BODIES[MULTIPART], MULTIPART)
    assert request.POST["email"]
    assert client_of(request, key=FIELD) == JANE
