"""INFO as a server writes it: `# Section`, then lines of `name:value`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from portal.operations.inspecting.asking import Session
from portal.operations.printable import printable

_NUMBER_MAX = 2**64


@dataclass(frozen=True, slots=True)
class Info:
    """All of INFO: the fields of each section in their order; `fields` are all of them."""

    sections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a field as it stands there; '' where there is none."""
        return self.fields.get(name, "")

    def number(self, name: str) -> float:
        """Return a field's number; 0 where there is none."""
        return as_number(self.text(name)) or 0.0


def as_number(text: str) -> float | None:
    """Return the number that a text is, `12.5%` too; None where it is none, or one that no server counts to."""
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        return None
    return number if abs(number) < _NUMBER_MAX else None


def pairs(text: str) -> dict[str, str]:
    """Return what a value such as `keys=3,expires=1` holds."""
    return {name: value for name, equals, value in (item.partition("=") for item in text.split(",")) if equals}


def parse_info(raw: bytes) -> Info:
    """Return INFO of the text that a server sent."""
    sections: dict[str, dict[str, str]] = {}
    name = ""
    for line in raw.decode(errors="replace").splitlines():
        if line.startswith("#"):
            name = printable(line[1:].strip().lower(), keeps="")
        elif ":" in line:
            field_name, _, value = line.partition(":")
            sections.setdefault(name, {})[printable(field_name, keeps="")] = printable(value, keeps="")
    fields = {field_name: value for section in sections.values() for field_name, value in section.items()}
    return Info(MappingProxyType(sections), MappingProxyType(fields))


def ask_info(session: Session) -> Info:
    """Return INFO of a server."""
    return parse_info(session.ask("INFO"))
