"""What of a backup is to be brought back, as people choose it."""

from typing import Any

from django import forms

FILTERED, WHOLE = "filtered", "whole"
PREFIXES_MAX = 100
_KINDS = (
    (FILTERED, "Key by key, in place, without what should not come back"),
    (WHOLE, "Everything, nothing left out"),
)


class RestoreForm(forms.Form):
    """The kind of a restore, and by which beginnings keys are chosen."""

    kind = forms.ChoiceField(label="What", choices=_KINDS, initial=FILTERED, widget=forms.RadioSelect)
    only = forms.CharField(
        label="Only keys that begin with",
        required=False,
        strip=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "none"}),
        help_text="One beginning a line, such as session: – empty for all keys.",
    )
    without = forms.CharField(
        label="No keys that begin with",
        required=False,
        strip=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "none"}),
        help_text="One beginning a line. They are left out even where a line above names them.",
    )

    def clean_only(self) -> list[str]:
        return self._prefixes("only")

    def clean_without(self) -> list[str]:
        return self._prefixes("without")

    @property
    def arguments(self) -> dict[str, Any]:
        """What was chosen, as a run's arguments hold it."""
        chosen = self.cleaned_data
        return {"whole": chosen["kind"] == WHOLE, "only": chosen["only"], "without": chosen["without"]}

    def _prefixes(self, name: str) -> list[str]:
        lines = (line.rstrip("\r") for line in self.cleaned_data[name].split("\n"))
        found = list(dict.fromkeys(line for line in lines if line))
        if len(found) > PREFIXES_MAX:
            raise forms.ValidationError(f"These are {len(found)} beginnings; {PREFIXES_MAX} are taken at most.")
        return found
