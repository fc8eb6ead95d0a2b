"""Which books a query finds, the same on every database."""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from portal.catalogue.folding import fold
from portal.catalogue.languages import LANGUAGE_NAMES
from portal.catalogue.models import Book


@dataclass(frozen=True, slots=True)
class CatalogueSize:
    """How much there is to find."""

    books: int
    authors: int
    languages: int


def words_of(query: str) -> list[str]:
    """Return the different words of a query, folded; none when the query is blank."""
    return list(dict.fromkeys(fold(query).split()))


def search_books(query: str, *, language: str = "") -> QuerySet[Book]:
    """Return the books that have every word in title or author, by author, year and title.

    A blank query finds every book. `language` is an ISO 639-1 code; empty for any language.
    """
    books = matching(Book.objects.all(), query=query)
    return books.filter(language=language) if language else books


def matching(books: QuerySet[Book], *, query: str) -> QuerySet[Book]:
    """Return those of the books that have every word of the query in title or author."""
    words = (Q(folded_title__contains=w) | Q(folded_author__contains=w) for w in words_of(query))
    return books.filter(*words)


def catalogue_size() -> CatalogueSize:
    """Return how many books, authors and languages the catalogue has."""
    return CatalogueSize(
        **Book.objects.aggregate(
            books=Count("pk"),
            authors=Count("folded_author", distinct=True),
            languages=Count("language", distinct=True),
        )
    )


def languages_in_use() -> list[tuple[str, str]]:
    """Return code and name of each language that has a book, by name."""
    codes = Book.objects.order_by().values_list("language", flat=True).distinct()
    return sorted(((code, LANGUAGE_NAMES.get(code, code)) for code in codes), key=lambda pair: pair[1])
