import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from portal.middleware import SecurityHeadersMiddleware


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
