"""Numbers in the units that people read."""

from datetime import UTC, datetime

from django.template.defaultfilters import filesizeformat
from django.utils import timezone

_STEPS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def size(number: float) -> str:
    """Return bytes as `1.2 MB`."""
    return str(filesizeformat(number))


def megabytes(number: float) -> str:
    """Return bytes as `1,234.5 MB`, however many: figures to compare."""
    return f"{number / 1024**2:,.1f} MB"


def plain(words: str) -> str:
    """Return Django's words with blanks that break: terminals, mail and greps take the others ill."""
    return words.replace("\xa0", " ")


def count(number: float) -> str:
    """Return a number with its thousands set apart; a broken one with two digits behind the point."""
    return f"{number:,.0f}" if number == int(number) else f"{number:,.2f}"


def span(seconds: float) -> str:
    """Return a length of time in its two greatest units: `3 d 4 h`, `12 s`, `400 ms`, `40 µs`."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 10:
        return f"{seconds:.2g} s"
    parts: list[str] = []
    rest = int(seconds)
    for unit_seconds, unit in _STEPS:
        whole, rest = divmod(rest, unit_seconds)
        if whole or parts:
            parts.append(f"{whole} {unit}" if whole else "")
    return " ".join(filter(None, parts[:2]))


def moment(seconds: float) -> str:
    """Return a time since 1970 as the site's clocks show it; `never` for 0 and less."""
    if not 0 < seconds < 1e11:
        return "never"
    return f"{timezone.localtime(datetime.fromtimestamp(seconds, tz=UTC)):%Y-%m-%d %H:%M:%S}"


def share(part: float) -> str:
    """Return a share of one as `12 %`; a small one as `0.4 %`, or `< 0.1 %`."""
    percent = 100 * part
    if 0 < percent < 0.1:
        return "< 0.1 %"
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.1f} %"
