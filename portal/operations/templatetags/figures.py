"""Numbers and short names in templates as people read them."""

from django import template

from portal.operations.admin.backup_columns import how_words

register = template.Library()


@register.filter
def thousands(number: int) -> str:
    """Return a whole number with its thousands set apart: `1,234,567`."""
    return f"{number:,}"


@register.filter
def how(methods: str) -> str:
    """Return how a backup was taken: `over the wire`."""
    return how_words(methods)
