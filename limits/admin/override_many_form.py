"""The form for many overrides: a client a line, or a table, and what all of them share."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.template.defaultfilters import filesizeformat

from limits.admin.override_form import LOCKS_OUT, WhatHoldsForm
from limits.core.overrides import OverrideError
from limits.listed.entries import COLUMNS, Entry, read_list
from limits.listed.rows import ListReader
from limits.models import Override

CLIENTS_MAX = 20_000
"""So many are saved within some seconds; meanwhile nobody else saves anything where the database is SQLite."""
NEEDED = ("effect", "reason")
"""What each line needs, of its own or of what all of them share."""


class ManyOverridesForm(WhatHoldsForm):
    """Its instance is what all of them share."""

    lines = forms.CharField(
        label="Clients",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12, "class": "vLargeTextField", "spellcheck": "false"}),
    )
    file = forms.FileField(label="Or a file", required=False)
    change_existing = forms.BooleanField(
        label="Change those that exist",
        required=False,
        help_text="One that is there already for the same client and policy at the same time becomes as a new one "
        "would be. Otherwise it stays as it is, and you are told.",
    )

    overrides: Mapping[str, Override] = {}
    """Those that the lines mean, once all is right, by what each is called: “Line 3”."""
    repeated = 0
    """How many lines say again what one above said."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["lines"].help_text = (
            "One a line: 203.0.113.9, 198.51.100.0/24, user=alice (a name, a mail address or an id), group=Partners, "
            "header:X-Api-Key=what is sent. Or a table (CSV) whose first line names its columns: "
            f"{', '.join(COLUMNS)}. Only the first is needed: for what is left out, the fields below hold. "
            "Effect and reason may stay empty below where every line has its own."
        )
        for name in NEEDED:
            self.fields[name].required = False
        self.fields["file"].help_text = f"The same lines, as text in UTF-8. {_told_of_most()}"
        self.focus_on_first_empty("lines", *NEEDED)

    def clean_file(self) -> str:
        """Return the text of the file; '' for none."""
        file = self.cleaned_data["file"]
        if file is None:
            return ""
        if file.size > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or file.size):
            raise ValidationError(f"The file is too large. {_told_of_most()}")
        try:
            text = file.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ValidationError("This is no text in UTF-8.") from None
        return str(self.fields["lines"].clean(text))

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if not {"lines", "file"} <= self.cleaned_data.keys():
            return
        typed, sent = self.cleaned_data["lines"], self.cleaned_data["file"]
        if typed.strip() and sent:
            self.add_error("file", "Give lines or a file, not both.")
            return
        self._read(sent or typed)
        if self.errors:
            self._show_what_was_sent()

    def refuse(self, error: ValidationError) -> None:
        """Tell what turned out, when it was to be saved, not to be right."""
        self.add_error("lines", error)
        self._show_what_was_sent()

    def _show_what_was_sent(self) -> None:
        # No browser sends a file again by itself: its lines are shown, to be mended where they are told of.
        sent = self.cleaned_data.get("file")
        if sent:
            self.data = data = cast(QueryDict, self.data).copy()
            data["lines"] = sent

    def _read(self, text: str) -> None:
        try:
            lines = list(islice(read_list(text), CLIENTS_MAX + 1))
        except OverrideError as error:
            self.add_error("lines", str(error))
            return
        if not 1 <= len(lines) <= CLIENTS_MAX:
            number = f"more than {CLIENTS_MAX:,}" if lines else "0"
            self.add_error("lines", f"Give 1 to {CLIENTS_MAX:,} clients at once: these are {number}.")
            return
        self._demand_what_is_left_out(lines)
        reader = ListReader(common=None if self.errors else self.instance, by_name=self.by_name)
        reader.read(lines)
        self.overrides = {f"Line {number}": row for number, row in reader.overrides.items()}
        self.repeated = reader.repeated
        out = [f"{line}: {LOCKS_OUT}" for line, row in self.overrides.items() if self.would_lock_out(row)]
        if reader.wrong or out:
            self.add_error("lines", [*reader.wrong, *out])

    def _demand_what_is_left_out(self, lines: Sequence[Entry]) -> None:
        for name in NEEDED:
            lacking = next((line.number for line in lines if name not in line.told), 0)
            if lacking and not self.cleaned_data.get(name) and name not in self.errors:
                self.add_error(name, f"This field is required: line {lacking} has none of its own.")


def _told_of_most() -> str:
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    size = f", and {filesizeformat(most)}," if most else ""
    return f"{CLIENTS_MAX:,} clients{size} at most at once, typed or sent: give more in parts."
