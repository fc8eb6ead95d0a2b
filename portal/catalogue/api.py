"""`/api/v1/search`: the search for programs."""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.paginator import EmptyPage, Page, Paginator
from django.http import HttpRequest, JsonResponse
from django.shortcuts import resolve_url
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt

from limits import limit
from portal.catalogue.forms import ApiSearchForm
from portal.catalogue.models import Book
from portal.catalogue.problems import problem
from portal.catalogue.search import search_books

_METHODS = ("GET", "HEAD")


# The limit is outside, so that anonymous requests are limited too. Nothing is written here, so
# there is nothing to forge: a POST shall be told 405, not that its CSRF token is missing.
@limit("api-search")
@csrf_exempt
@cache_control(private=True, no_store=True)
def search_api(request: HttpRequest) -> JsonResponse:
    """Return the books that match `q`, a page at a time, or a problem that says what to change."""
    if request.method not in _METHODS:
        return problem(
            HTTPStatus.METHOD_NOT_ALLOWED,
            detail="A search is a GET request.",
            headers={"Allow": ", ".join(_METHODS)},
        )
    if not request.user.is_authenticated:
        return _login_needed()
    form = ApiSearchForm(request.GET)
    if not form.is_valid():
        messages = [str(message) for errors in form.errors.values() for message in errors]
        return problem(HTTPStatus.BAD_REQUEST, detail=" ".join(messages))
    asked = form.cleaned_data
    paginator = Paginator(search_books(asked["q"], language=asked["language"]), asked["per_page"])
    try:
        page = paginator.page(asked["page"])
    except EmptyPage:
        return problem(
            HTTPStatus.NOT_FOUND,
            detail=f"There is no page {asked['page']}: the last page is {paginator.num_pages}.",
        )
    return JsonResponse(
        _document(page, query=asked["q"], request=request),
        json_dumps_params={"ensure_ascii": False},
    )


def _login_needed() -> JsonResponse:
    address = resolve_url(settings.LOGIN_URL)
    # No scheme is registered for sessions. One that a browser knows would make it ask by itself.
    cookie = settings.SESSION_COOKIE_NAME
    scheme = f'Cookie realm="portal", form-action="{address}", cookie-name="{cookie}"'
    return problem(
        HTTPStatus.UNAUTHORIZED,
        detail=f"Log in at {address} and send the session cookie.",
        headers={"WWW-Authenticate": scheme},
    )


def _document(page: "Page[Book]", *, query: str, request: HttpRequest) -> dict[str, Any]:
    return {
        "query": query,
        "count": page.paginator.count,
        "page": page.number,
        "pages": page.paginator.num_pages,
        "per_page": page.paginator.per_page,
        "next": _address(request, page.next_page_number()) if page.has_next() else None,
        "previous": _address(request, page.previous_page_number()) if page.has_previous() else None,
        "results": [
            {
                "title": book.title,
                "author": book.author,
                "year": book.year,
                "language": book.language,
            }
            for book in page
        ],
    }


def _address(request: HttpRequest, number: int) -> str:
    """Return this request's path and query, at another page."""
    parameters = request.GET.copy()
    parameters["page"] = str(number)
    return f"{request.path}?{parameters.urlencode()}"
