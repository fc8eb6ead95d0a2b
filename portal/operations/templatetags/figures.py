"""Numbers in templates as people read them."""

from django import template

register = template.Library()


@register.filter
def thousands(number: int) -> str:
    """Return a whole number with its thousands set apart: `1,234,567`."""
    return f"{number:,}"
