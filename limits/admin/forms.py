"""The policy's form: what was typed is kept, and what is wrong is told beside the field."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString

from limits.admin.changes import CONFLICT
from limits.core.policies import Algorithm, Counts, Mode, WithoutRedis
from limits.models import Policy, Revision
from limits.services import POLICY
from limits.url_names import url_names

MODES = (
    (Mode.ENFORCE.value, "Enforce: whoever is over the limit is refused"),
    (
        Mode.SHADOW.value,
        "Shadow: counts as if it were enforced and tallies how many it would refuse, but refuses nobody",
    ),
    (Mode.OFF.value, "Off: counts nothing and refuses nobody"),
)
ALGORITHMS = (
    (
        Algorithm.FIXED_WINDOW.value,
        "Fixed window: a client's first request begins a period, and all is forgotten when it ends. "
        "Around its end, up to two limits' worth may come in quick succession.",
    ),
    (
        Algorithm.SLIDING_WINDOW.value,
        "Sliding window: looks back over the last period at every moment, so that what was asked fades gradually. "
        "No sudden double burst.",
    ),
    (
        Algorithm.TOKEN_BUCKET.value,
        "Token bucket: a steady rate with a burst. A bucket of tokens refills evenly, each request takes one, and "
        "an empty bucket refuses.",
    ),
)
COUNTS = (
    (Counts.EVERY.value, "Every request"),
    (Counts.CLIENT_ERRORS.value, "Only those that the site answers with an error of the client (4xx)"),
    (Counts.FAILED_LOGINS.value, "Only failed logins: a wrong name or password"),
)
WITHOUT_REDIS = (
    (WithoutRedis.ALLOW.value, "Let everybody in, uncounted: the site stays open, unprotected by this policy"),
    (WithoutRedis.REFUSE.value, "Refuse everybody with 503: for what must never go unprotected"),
    (
        WithoutRedis.COUNT_HERE.value,
        "Count in each process by itself: each lets in its share of the limit, so about the same in all",
    ),
)
CODE_ONLY = "Wherever code names the policy"


class PolicyForm(forms.ModelForm[Policy]):
    """Carries the version that editing began with: whoever saves second is told, and nothing is overwritten."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    reason = forms.CharField(
        required=False,
        max_length=200,
        help_text="Why you change it, for whoever reads the history. You may leave it empty.",
    )

    class Meta:
        model = Policy
        fields = (
            "slug",
            "title",
            "description",
            "mode",
            "algorithm",
            "rates",
            "key",
            "methods",
            "view",
            "path",
            "priority",
            "ipv6_prefix",
            "cost",
            "counts",
            "refusals_count",
            "penalty_seconds",
            "without_redis",
        )
        widgets = {
            "description": forms.Textarea(attrs={"rows": 3}),
            "rates": forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
            "mode": forms.RadioSelect(attrs={"class": "radiolist"}),
            "algorithm": forms.RadioSelect(attrs={"class": "radiolist"}),
            "counts": forms.RadioSelect(attrs={"class": "radiolist"}),
            "without_redis": forms.RadioSelect(attrs={"class": "radiolist"}),
            "view": forms.Select,
        }
        help_texts = {
            "slug": "What code calls it. It cannot be changed once made.",
            "title": "What people who are refused read.",
            "rates": (
                "One to four, one a line: 5 per minute, 5/m, 100 / 15 minutes. "
                "A token bucket may say how many can come at once after a rest: 10 per minute burst 20. "
                "Another limit keeps what has been counted. "
                "Another period, or another way to count, starts afresh."
            ),
            "key": (
                "ip, user, user or ip, header:NAME, field:NAME, everyone, or two joined: ip and field:username. "
                "Whoever has no such user, header or field is counted by address."
            ),
            "methods": "None ticked: every method.",
            "view": (
                "The policy then holds for every request to this view, with no change of code. "
                "Choose a view or give a path, not both."
            ),
            "path": (
                "Or the paths it holds for, such as /api/v1/**. "
                "One star stands for anything between two slashes, two for anything at any depth."
            ),
            "priority": (
                "Of several policies that refuse a request, the one with the highest number tells the client. "
                "All of them count."
            ),
            "ipv6_prefix": (
                "IPv6 addresses that begin with the same so many bits count as one client, 32 to 128. "
                "A household or a server usually has a /64."
            ),
            "cost": "What a request takes from the limit. A costly one may take more than 1.",
            "counts": (
                "With all but the first, each request is counted when it comes and given back once it turned out well: "
                "that takes a second trip to Redis."
            ),
            "refusals_count": (
                "Whoever goes on asking while refused is kept out for longer. "
                "With one rate and a fixed window this changes nothing."
            ),
            "penalty_seconds": (
                "Once refused, a client is refused for at least so long, whatever the rates say. 0: no penalty."
            ),
            "without_redis": "What holds while Redis is away, slow or broken.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "seen_version" in self.fields:
            self.fields["seen_version"].initial = self.instance.version
        for name, choices in (
            ("mode", MODES),
            ("algorithm", ALGORITHMS),
            ("counts", COUNTS),
            ("without_redis", WITHOUT_REDIS),
        ):
            if name in self.fields:
                self.fields[name].widget.choices = choices
        if "view" in self.fields:
            self.fields["view"].widget.choices = _view_choices(self.instance.view)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.instance.pk:
            self._refuse_a_stale_edit(cleaned.get("seen_version"))
        return cleaned

    def _refuse_a_stale_edit(self, version: int | None) -> None:
        # Locked for the rest of the transaction that the admin saves in: nobody comes between.
        stored = Policy.objects.select_for_update().filter(pk=self.instance.pk).first()
        if stored is None:
            raise forms.ValidationError("Somebody deleted this policy meanwhile. Nothing was saved.", code=CONFLICT)
        if stored.version != version:
            raise forms.ValidationError(_told_of_conflict(stored), code=CONFLICT)
        self.instance.version = stored.version


def _view_choices(current: str) -> Iterable[tuple[str, Any]]:
    """Return the site's views by name, those of each namespace together; one that is gone stays to be seen."""
    names = url_names()
    yield "", CODE_ONLY
    if current and current not in names:
        yield current, f"{current} (gone from the site)"
    yield from ((name, name) for name in names if ":" not in name)
    for namespace, within in groupby((name for name in names if ":" in name), lambda name: name.rpartition(":")[0]):
        yield namespace, [(name, name) for name in within]


def _told_of_conflict(stored: Policy) -> SafeString:
    latest = Revision.objects.filter(subject_type=POLICY, subject=stored.slug).first()
    who = f"{latest.actor_name} at {latest.at:%H:%M:%S} UTC" if latest else "somebody"
    mode = stored.get_mode_display().lower()
    now = f"now {', '.join(map(str, stored.rates))} by {stored.key}, mode {mode}"
    return format_html(
        "This policy was saved by {} while you were editing: it is {}. Nothing of yours was saved, and what you typed "
        'is still below. <a href="" target="_blank">Open the policy anew</a> to see theirs, and change it there.',
        who,
        now,
    )
