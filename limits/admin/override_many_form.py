"""The form for many overrides: a client a line, or a table, and what all of them share."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.template.defaultfilters import filesizeformat

from limits.admin.override_form import LOCKS_OUT, WhatHoldsForm
from limits.core.overrides import OverrideError
from limits.listed.entries import COLUMNS, read_list
from limits.listed.rows import ListReader
from limits.models import Override

CLIENTS_MAX = 20_000
"""So many are saved within some seconds; meanwhile nobody else saves anything where the database is SQLite."""


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

    overrides: Sequence[Override] = ()
    """Those that the lines mean, once all is right."""
    repeated = 0
    """How many lines say again what one above said."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["lines"].help_text = (
            "One a line: 203.0.113.9, 198.51.100.0/24, user=alice (a name, a mail address or an id), group=Partners, "
            "header:X-Api-Key=what is sent. Or a table (CSV) whose first line names its columns: "
            f"{', '.join(COLUMNS)}. Only the first is needed: for what is left out, the fields below hold."
        )
        self.fields["file"].help_text = f"The same lines, as text in UTF-8. {_told_of_most()}"

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
        if sent and self.errors:
            # No browser sends a file again by itself: its lines are shown, to be mended where they are told of.
            self.data = data = cast(QueryDict, self.data).copy()
            data["lines"] = sent

    def _read(self, text: str) -> None:
        reader = ListReader(common=None if self.errors else self.instance, by_name=self.by_name)
        try:
            lines = read_list(text)
        except OverrideError as error:
            self.add_error("lines", str(error))
            return
        if not 1 <= len(lines) <= CLIENTS_MAX:
            self.add_error("lines", f"Give 1 to {CLIENTS_MAX:,} clients at once: these are {len(lines):,}.")
            return
        reader.read(lines)
        out = [f"Line {number}: {LOCKS_OUT}" for number, row in reader.overrides.items() if self.would_lock_out(row)]
        if reader.wrong or out:
            self.add_error("lines", [*reader.wrong, *out])
        self.overrides, self.repeated = list(reader.overrides.values()), reader.repeated


def _told_of_most() -> str:
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    size = f", and {filesizeformat(most)}," if most else ""
    return f"{CLIENTS_MAX:,} clients{size} at most at once, typed or sent: give more in parts."
