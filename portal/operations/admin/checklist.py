"""The checklist in the admin: how each line stands, what mends it, and “Check now”."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from limits.admin.acting import actor_of
from portal.operations.admin.audit import ReadOnlyAdmin
from portal.operations.admin.progress import in_seconds
from portal.operations.checklist import keeping, report
from portal.operations.checklist.lines import LINES, SUBJECTS, lines_of
from portal.operations.checklist.run import run as run_lines
from portal.operations.checklist.values import SYMBOLS, Line, Result, State, Verdict
from portal.operations.models import ChecklistRun

_WORDS = {State.PASS: "passes", State.FAIL: "fails", State.UNKNOWN: "cannot tell"}
_CLASSES = {State.PASS: "pass", State.FAIL: "fail", State.UNKNOWN: "unknown"}
_EARLIER_RUNS = 10


@dataclass(frozen=True, slots=True)
class ShownVerdict:
    """What was found at one place, as a page shows it."""

    verdict: Verdict

    @property
    def words(self) -> str:
        """How this place stands."""
        return _WORDS[self.verdict.state]

    @property
    def found(self) -> SafeString:
        """What was found."""
        return with_code(self.verdict.found)

    @property
    def advice(self) -> SafeString:
        """What no command can do."""
        return with_code(self.verdict.advice)

    @property
    def is_mended_so(self) -> bool:
        """Whether the commands mend it; else they tell more."""
        return self.verdict.state is State.FAIL


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line as a page shows it; without a result it was not looked at."""

    line: Line
    result: Result | None

    @property
    def why(self) -> SafeString:
        """Why it matters."""
        return with_code(self.line.why)

    @property
    def symbol(self) -> str:
        """A sign of how it stands, beside the words."""
        return SYMBOLS[self.result.state] if self.result else "·"

    @property
    def words(self) -> str:
        """How it stands."""
        return _WORDS[self.result.state] if self.result else "not checked"

    @property
    def tone(self) -> str:
        """The class of the colour that helps."""
        return _CLASSES[self.result.state] if self.result else "none"

    @property
    def verdicts(self) -> list[ShownVerdict]:
        """What was found, place by place."""
        return [ShownVerdict(verdict) for verdict in self.result.verdicts] if self.result else []


@dataclass(frozen=True, slots=True)
class ShownSubject:
    """The lines of one subject."""

    name: str
    lines: tuple[ShownLine, ...]

    @property
    def passing(self) -> int:
        """How many of them pass."""
        return sum(shown.tone == "pass" for shown in self.lines)


@admin.register(ChecklistRun)
class ChecklistRunAdmin(ReadOnlyAdmin):
    class Media:
        css = {"all": ("operations/checklist.css",)}

    def get_urls(self) -> list[URLPattern]:
        """The checklist as it stands, earlier runs, and a run: as a whole, or subject by subject for the script."""
        wrap, name = self.admin_site.admin_view, "operations_checklistrun_{}"
        return [
            path("", wrap(self.changelist_view), name=name.format("changelist")),
            path("<int:pk>/change/", wrap(self.earlier_view), name=name.format("change")),
            path("check/", wrap(self.check_view), name=name.format("check")),
            path("check-part/", wrap(self.check_part_view), name=name.format("check_part")),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """How it stands."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._page(request, keeping.latest())

    def earlier_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How it stood once."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._page(request, get_object_or_404(ChecklistRun, pk=pk), is_earlier=True)

    @method_decorator(require_POST)
    def check_view(self, request: HttpRequest) -> HttpResponse:
        """Look at every line, and come back to the page: for who has no script."""
        self._demand_right(request)
        run = keeping.begin(asked_by=actor_of(request).name, now=timezone.now())
        results = _check(run, LINES)
        messages.success(request, f"Checked: {report.counts_of(results)}")
        return HttpResponseRedirect(reverse("admin:operations_checklistrun_changelist"))

    @method_decorator(require_POST)
    def check_part_view(self, request: HttpRequest) -> HttpResponse:
        """Look at the lines of one subject, and return them; the first begins a run, the others go on with it."""
        self._demand_right(request)
        subject = request.POST.get("subject", "")
        if subject not in SUBJECTS:
            return HttpResponseBadRequest("There is no such subject.")
        run = self._begun(request)
        _check(run, lines_of(subject=subject))
        found = keeping.results_of(run)
        context = {"subject": _shown(subject, found), "run": run, "summary": report.counts_of(list(found.values()))}
        return TemplateResponse(request, "admin/operations/checklist/part.html", context)

    def _begun(self, request: HttpRequest) -> ChecklistRun:
        number = request.POST.get("run", "")
        who = actor_of(request).name
        if number.isascii() and number.isdigit() and len(number) < 19:
            return get_object_or_404(ChecklistRun, pk=int(number), asked_by=who[:254])
        return keeping.begin(asked_by=who, now=timezone.now())

    def _page(self, request: HttpRequest, run: ChecklistRun | None, *, is_earlier: bool = False) -> HttpResponse:
        found = keeping.results_of(run) if run else {}
        subjects = [_shown(subject, found) for subject in SUBJECTS]
        context = {
            **self.admin_site.each_context(request),
            "title": "Checklist for production",
            "opts": self.opts,
            "media": self.media,
            "run": run,
            "is_earlier": is_earlier,
            "took": in_seconds(run.took_milliseconds / 1000) if run else "",
            "summary": report.counts_of(list(found.values())) if found else "",
            "subjects": subjects,
            "failing": [shown.line for subject in subjects for shown in subject.lines if shown.tone == "fail"],
            "earlier": ChecklistRun.objects.order_by("-pk")[:_EARLIER_RUNS],
            "may_check": _may_check(request) and not is_earlier,
        }
        return TemplateResponse(request, "admin/operations/checklist/page.html", context)

    def _demand_right(self, request: HttpRequest) -> None:
        if not (self.has_view_permission(request) and _may_check(request)):
            raise PermissionDenied


def with_code(text: str) -> SafeString:
    """Return a text whose pieces between backticks are marked as code."""
    pieces = enumerate(text.split("`"))
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", each) if nth % 2 else each,) for nth, each in pieces)
    )


def _may_check(request: HttpRequest) -> bool:
    return request.user.has_perm("operations.run_checklist")


def _check(run: ChecklistRun, lines: Sequence[Line]) -> list[Result]:
    began = time.monotonic()
    results = list(run_lines(lines))
    keeping.add(run, results, took_milliseconds=round((time.monotonic() - began) * 1000))
    return results


def _shown(subject: str, found: Mapping[str, Result]) -> ShownSubject:
    return ShownSubject(subject, tuple(ShownLine(line, found.get(line.id)) for line in lines_of(subject=subject)))
