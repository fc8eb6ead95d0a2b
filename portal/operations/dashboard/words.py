"""Amounts as people read them on the dashboard, where there is little room."""

from django.template.defaultfilters import filesizeformat

from portal.operations import units

_LETTERS = ((1_000_000_000, "bn"), (1_000_000, "m"), (1_000, "k"))


def size(amount_bytes: float) -> str:
    """Return a size without needless digits: `1.2 GB`, `512 MB`, `0`."""
    if not amount_bytes:
        return "0"
    number, _, unit = str(filesizeformat(amount_bytes)).partition("\xa0")
    return f"{number.removesuffix('.0')} {'B' if unit.startswith('byte') else unit}"


def count(amount: float) -> str:
    """Return a count, whole: `12,345`."""
    return units.count(round(amount))


def short_count(amount: float) -> str:
    """Return a count for an axis: `20 k`, `1.5 m`."""
    for unit, letter in _LETTERS:
        if amount >= unit:
            return f"{amount / unit:.3g} {letter}"
    return f"{amount:.3g}"


def percent(amount: float) -> str:
    """Return a share of 100: `98.5 %`; what is less than all is never told as 100 %."""
    return f"{99.9 if 99.9 < amount < 100 else round(amount, 1):g} %"


def latency(amount_microseconds: float) -> str:
    """Return how long something took: `210 µs`, `35 ms`, `1.2 s`."""
    return units.span(amount_microseconds / 1_000_000)


def ending(number: int) -> str:
    """Return the ending of a plural: '' for one, `s` for others."""
    return "" if number == 1 else "s"
