"""`{% dashboard as shown %}`: what somebody may see of how limits and Redis are doing, for the admin's first page."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from portal.operations.admin.dashboard import Shown, shown_to
from portal.operations.dashboard.drawing import Bar
from portal.operations.dashboard.plots import Hover, Table

register = template.Library()


@register.simple_tag(takes_context=True)
def dashboard(context: dict[str, Any]) -> Shown | None:
    """Return the dashboard of who asks; None for somebody who may see no part of it."""
    return shown_to(context["request"])


# Some hundreds of each on a page: a template's loop over them takes a quarter of a second.


@register.filter
def stretches(found: Sequence[Hover]) -> SafeString:
    """Return what tells of each stretch of a drawing, when it is pointed at."""
    drawn = '<rect class="dash-hover" x="{}" y="0" width="{}" height="100"><title>{}</title></rect>'
    return format_html_join("", drawn, ((each.column.x, each.column.width, each.words) for each in found))


@register.filter
def pieces(bars: Sequence[Bar]) -> SafeString:
    """Return the pieces of bars."""
    drawn = '<rect class="dash-piece dash-series-{}" x="{}" y="{}" width="{}" height="{}"/>'
    found = ((bar, piece) for bar in bars for piece in bar.pieces)
    return format_html_join(
        "", drawn, ((piece.series, bar.x, piece.y, bar.width, piece.height) for bar, piece in found)
    )


@register.filter
def rows(table: Table) -> SafeString:
    """Return the rows of a table, each with its head."""
    return format_html_join(
        "", '<tr><th scope="row">{}</th>{}</tr>', ((head, _cells(rest)) for head, *rest in table.rows)
    )


def _cells(cells: Sequence[str]) -> SafeString:
    return format_html_join("", "<td>{}</td>", ((cell,) for cell in cells))
