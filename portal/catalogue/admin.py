"""Books in the admin: to look at. They are written by `load_books`."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from portal.catalogue.models import Book
from portal.catalogue.search import languages_in_use, matching

# Generic for the type checker alone.
if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Book]
else:
    _ModelAdmin = admin.ModelAdmin


class LanguageFilter(admin.SimpleListFilter):
    """The languages that have a book, in words."""

    title = "language"
    parameter_name = "language"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return languages_in_use()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Book]) -> QuerySet[Book]:
        return queryset.filter(language=self.value()) if self.value() else queryset


@admin.register(Book)
class BookAdmin(_ModelAdmin):
    list_display = ["title", "author", "year_in_words", "language_in_words"]
    list_filter = [LanguageFilter]
    search_fields = ["title", "author"]
    search_help_text = "Words of title or author, case and accents aside."
    fields = ["title", "author", "year", "language"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Book], search_term: str
    ) -> tuple[QuerySet[Book], bool]:
        """Search as the site does."""
        return matching(queryset, query=search_term), False

    @admin.display(description="Year", ordering="year")
    def year_in_words(self, book: Book) -> str:
        return book.year_text

    @admin.display(description="Language", ordering="language")
    def language_in_words(self, book: Book) -> str:
        return book.language_name

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Book | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Book | None = None) -> bool:
        return False
