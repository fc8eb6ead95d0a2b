"""The books that can be searched."""

from django.db import models

from portal.catalogue.languages import LANGUAGE_NAMES


class Book(models.Model):
    """A book in the language that it was written in. Written by `services` alone.

    The folded columns are what searches match and what lists are sorted by, so that every database
    gives the same answers in the same order.
    """

    title = models.CharField(max_length=300)
    author = models.CharField(max_length=200)
    year = models.SmallIntegerField(help_text="First published; negative before Christ.")
    language = models.CharField(max_length=2, help_text="ISO 639-1, such as “fr”.")
    folded_title = models.TextField(editable=False)
    folded_author = models.TextField(editable=False)

    class Meta:
        ordering = ["folded_author", "year", "folded_title"]
        constraints = [models.UniqueConstraint(fields=["title", "author"], name="catalogue_book_title_author")]

    def __str__(self) -> str:
        return f"{self.title}, {self.author}"

    @property
    def language_name(self) -> str:
        """The language in words."""
        return LANGUAGE_NAMES.get(self.language, self.language)

    @property
    def year_text(self) -> str:
        """The year in words: 800 BC, 1813."""
        return f"{-self.year} BC" if self.year < 0 else str(self.year)
