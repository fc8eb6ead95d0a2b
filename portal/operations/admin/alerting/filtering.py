"""Choosing among alerts: by state, severity and target, as a page's address says."""

from collections.abc import Mapping

from django.db.models import QuerySet

from portal.operations.models import Alert, Severity

UNDER_WAY = "under way"


class AlertFilter:
    """What of all alerts is shown. A choice that is none is passed over."""

    def __init__(self, asked: Mapping[str, str]) -> None:
        self.state = _offered(asked.get("state"), [UNDER_WAY, *Alert.State.values])
        self.severity = _offered(asked.get("severity"), list(map(str, Severity.values)))
        self.target = asked.get("target", "")[:200]

    @property
    def is_set(self) -> bool:
        """Say whether anything was chosen."""
        return bool(self.state or self.severity or self.target)

    @property
    def states(self) -> list[tuple[str, str]]:
        """The states on offer, with their words."""
        return [(UNDER_WAY, "Under way"), *((state.value, str(state.label)) for state in Alert.State)]

    @property
    def severities(self) -> list[tuple[str, str]]:
        """The severities on offer, the worst first."""
        return [(str(severity.value), str(severity.label)) for severity in reversed(Severity)]

    @property
    def targets(self) -> list[str]:
        """The targets that there are."""
        return list(Alert.objects.exclude(target="").order_by("target").values_list("target", flat=True).distinct())

    def of(self, alerts: QuerySet[Alert]) -> QuerySet[Alert]:
        """Return those of `alerts` that were chosen."""
        if self.state:
            alerts = alerts.filter(is_active=True) if self.state == UNDER_WAY else alerts.filter(state=self.state)
        if self.severity:
            alerts = alerts.filter(rule__severity=self.severity)
        return alerts.filter(target=self.target) if self.target else alerts


def _offered(asked: str | None, offered: list[str]) -> str:
    return asked if asked in offered else ""
