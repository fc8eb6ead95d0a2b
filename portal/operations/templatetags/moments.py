"""Times and lengths of time of servers, as people read them."""

from django import template

from portal.operations import units

register = template.Library()


@register.filter
def span_of(seconds: float) -> str:
    """Return a length of time: `3 d 4 h`, `12 s`, `400 ms`."""
    return units.span(seconds) if seconds else "0 s"


@register.filter
def microseconds_of(microseconds: float) -> str:
    """Return a length of time that is told in millionths of a second."""
    return units.span(microseconds / 1e6)


@register.filter
def moment_of(seconds: float) -> str:
    """Return a time since 1970."""
    return units.moment(seconds)
