"""The home page: the catalogue and its search."""

from http import HTTPStatus
from typing import Any

from django.core.paginator import EmptyPage, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.catalogue.forms import PAGE_BOOKS, SearchForm
from portal.catalogue.search import catalogue_size, languages_in_use, search_books


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Return the search form over the books that it finds: over all, when nothing is asked for."""
    form = SearchForm(request.GET, label_suffix="")
    if not form.is_valid():
        return _page(request, {"form": form}, status=HTTPStatus.BAD_REQUEST)
    asked = form.cleaned_data
    searched = bool(asked["q"] or asked["language"])
    paginator = Paginator(search_books(asked["q"], language=asked["language"]), PAGE_BOOKS)
    context = {
        "form": form,
        "searched": searched,
        "hits": paginator.count,
        "size": None if searched else catalogue_size(),
    }
    try:
        context["page"] = paginator.page(asked["page"])
    except EmptyPage:
        context["last_page"] = paginator.num_pages
        return _page(request, context, status=HTTPStatus.NOT_FOUND)
    return _page(request, context)


def _page(request: HttpRequest, context: dict[str, Any], *, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    context["languages"] = languages_in_use()
    return render(request, "catalogue/home.html", context, status=status)
