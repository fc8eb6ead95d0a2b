"""What a search may ask for, on the page and in the API."""

from django import forms
from django.core.exceptions import ValidationError

from portal.catalogue.languages import LANGUAGE_NAMES
from portal.catalogue.search import words_of

QUERY_CHARACTERS = 200
PAGE_BOOKS = 20
PAGE_BOOKS_MOST = 100
_PER_PAGE = f"per_page must be a whole number from 1 to {PAGE_BOOKS_MOST}."


class SearchForm(forms.Form):
    """A search on the page; a blank one shows every book."""

    q = forms.CharField(
        label="Title or author",
        required=False,
        max_length=QUERY_CHARACTERS,
        error_messages={"max_length": f"A search can have at most {QUERY_CHARACTERS} characters."},
        widget=forms.SearchInput,
    )
    language = forms.ChoiceField(
        required=False,
        choices=LANGUAGE_NAMES.items(),
        error_messages={"invalid_choice": "language must be a code of ISO 639-1, such as fr."},
    )
    page = forms.IntegerField(required=False, error_messages={"invalid": "page must be a whole number."})

    def clean_page(self) -> int:
        page: int | None = self.cleaned_data["page"]
        return 1 if page is None else page


class ApiSearchForm(SearchForm):
    """A search in the API, which must have words to look for."""

    per_page = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=PAGE_BOOKS_MOST,
        error_messages=dict.fromkeys(["invalid", "min_value", "max_value"], _PER_PAGE),
    )

    def clean_q(self) -> str:
        query: str = self.cleaned_data["q"]
        if not words_of(query):
            raise ValidationError("q is missing or blank: give a word of a title or an author.")
        return query

    def clean_per_page(self) -> int:
        return self.cleaned_data["per_page"] or PAGE_BOOKS
