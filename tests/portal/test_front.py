"""What is refused before Django sees it."""

from collections.abc import Iterable
from typing import Any

import pytest
from django.test import RequestFactory

from portal.front import BODY_BYTES_MAX, Front


def status(method: str = "POST", **environ: str) -> str:
    """Return the status of a request by a front before an application that answers 200 to all."""
    told: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b""]

    asked = RequestFactory().generic(method, "/").environ | environ
    Front(application)(asked, lambda line, headers: told.append(line))
    return told[0]


def test_an_ordinary_request_goes_through() -> None:
    assert status("GET") == "200 OK"
    assert status(CONTENT_TYPE="application/x-www-form-urlencoded", CONTENT_LENGTH="10") == "200 OK"
    assert status(CONTENT_TYPE='application/json; charset="UTF-8"', CONTENT_LENGTH=str(BODY_BYTES_MAX)) == "200 OK"


@pytest.mark.parametrize("length", [str(BODY_BYTES_MAX + 1), "9" * 400, "-1", "ten"])
def test_a_body_that_is_too_long_is_refused(length: str) -> None:
    assert status(CONTENT_LENGTH=length).startswith("413 ")


@pytest.mark.parametrize("charset", ["utf-16", "zlib_codec", "idna", "undefined", "punycode", "hex", '"rot13"'])
def test_a_charset_that_is_no_text_of_the_web_is_refused(charset: str) -> None:
    assert status("GET", CONTENT_TYPE=f"a; charset={charset}").startswith("415 ")
    assert status(CONTENT_TYPE=f"multipart/form-data; boundary=x; CHARSET={charset}").startswith("415 ")


@pytest.mark.parametrize("destination", ["image", "iframe", "empty", "script"])
def test_what_a_foreign_page_embeds_is_refused(destination: str) -> None:
    asked = {"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_SEC_FETCH_DEST": destination}
    assert status("GET", **asked).startswith("403 ")
    assert status("GET", **asked | {"HTTP_SEC_FETCH_SITE": "same-origin"}) == "200 OK"


def test_a_link_from_a_foreign_page_is_followed() -> None:
    assert status("GET", HTTP_SEC_FETCH_SITE="cross-site", HTTP_SEC_FETCH_DEST="document") == "200 OK"
