import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.middleware.common import CommonMiddleware
from django.test import RequestFactory, override_settings

from portal.middleware import EmptyHeadMiddleware, SecurityHeadersMiddleware


def answer(**headers: str) -> HttpResponse:
    """Return what a view's answer with these headers becomes."""

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={name.replace("_", "-"): value for name, value in headers.items()})

    return SecurityHeadersMiddleware(view)(RequestFactory().get("/"))


def directives(response: HttpResponse) -> dict[str, str]:
    parts = response.headers["Content-Security-Policy"].split(";")
    return dict(part.strip().split(" ", 1) for part in parts)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("directive", "source"),
    [
        ("default-src", "'self'"),
        ("base-uri", "'self'"),
        ("form-action", "'self'"),
        ("frame-ancestors", "'none'"),
        ("object-src", "'none'"),
    ],
)
def test_pages_may_load_from_the_site_alone(directive: str, source: str) -> None:
    assert directives(answer())[directive] == source


def test_nothing_inline_and_nothing_evaluated_is_allowed() -> None:
    assert "unsafe" not in answer().headers["Content-Security-Policy"]


def test_a_view_may_send_a_policy_of_its_own() -> None:
    assert directives(answer(Content_Security_Policy="default-src 'none'")) == {"default-src": "'none'"}


def test_a_site_without_https_sends_no_hsts() -> None:
    with override_settings(SECURE_HSTS_SECONDS=0):
        assert "Strict-Transport-Security" not in answer().headers


def test_a_site_with_https_sends_hsts_even_where_a_proxy_ends_it() -> None:
    with override_settings(SECURE_HSTS_SECONDS=86_400):
        assert answer().headers["Strict-Transport-Security"] == "max-age=86400"


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a page")


@pytest.mark.parametrize(("method", "body"), [("GET", b"a page"), ("POST", b"a page"), ("HEAD", b"")])
def test_an_answer_to_head_tells_its_length_and_has_no_body(method: str, body: bytes) -> None:
    answered = EmptyHeadMiddleware(CommonMiddleware(page))(RequestFactory().generic(method, "/"))
    assert answered.content == body
    assert answered.headers["Content-Length"] == "6"


def test_a_stream_is_left_to_the_server() -> None:
    stream = StreamingHttpResponse([b"a", b"page"])
    answered = EmptyHeadMiddleware(lambda request: stream)(RequestFactory().head("/"))  # type: ignore[arg-type, return-value]
    assert answered is stream
