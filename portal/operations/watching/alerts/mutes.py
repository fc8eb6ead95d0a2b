"""Why people are not told of an alert at this moment."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from portal.operations.models import AlertRule, Silence
from portal.operations.watching.alerts.conditions.condition import Scope
from portal.operations.watching.alerts.conditions.reach import DOWN
from portal.operations.watching.alerts.judgements import Judgement
from portal.operations.watching.alerts.telling_rules import is_quiet
from portal.operations.watching.readings import PRIMARY, Look


def silences_at(now: datetime) -> QuerySet[Silence]:
    """Return the silences that hold at a moment."""
    return Silence.objects.filter(begins_at__lte=now, until__gt=now)


@dataclass(frozen=True, slots=True)
class Mutes:
    """What keeps people from being told in one pass."""

    now: datetime
    silences: tuple[Silence, ...]
    down: frozenset[str]
    """The servers that do not answer, or whose alert of that is not over yet."""
    is_counting_down: bool
    """Whether that is told of a server in which limits are counted, and no primary of those is left."""
    under_way: Mapping[tuple[str, str], tuple[Judgement, ...]]
    """By condition and target: of thousands, few are of the same."""

    def why(self, judgement: Judgement) -> str:
        """Return in a sentence why nobody is told of an alert; '' where people are."""
        rule, target = judgement.rule, judgement.alert.target
        return self.why_unheard(rule, target=target) or self._why_inhibited(judgement)

    def why_unheard(self, rule: AlertRule, *, target: str) -> str:
        """Return in a sentence which silence, or which quiet hours, hold; ''."""
        for silence in self.silences:
            if silence.covers(rule, target=target):
                return f"It is silenced until {timezone.localtime(silence.until):%Y-%m-%d %H:%M}."
        local = timezone.localtime(self.now).time()
        if is_quiet(local, quiet_from=rule.quiet_from, quiet_until=rule.quiet_until):
            return f"The rule has quiet hours until {rule.quiet_until:%H:%M}."
        return ""

    def _why_inhibited(self, judgement: Judgement) -> str:
        condition, target = judgement.condition, judgement.alert.target
        if condition and condition.is_inhibited and self._is_down(target, scope=condition.scope):
            return "The server does not answer, which is told already."
        if any(self._outranks(other, judgement) for other in self.under_way.get(_subject(judgement), ())):
            return "A more severe rule of the same condition is under way, and told."
        return ""

    def _is_down(self, target: str, *, scope: Scope) -> bool:
        return self.is_counting_down if scope is Scope.SITE else target in self.down

    def _outranks(self, other: Judgement, judgement: Judgement) -> bool:
        is_graver = other.rule.severity > judgement.rule.severity
        return is_graver and not self.why_unheard(other.rule, target=other.alert.target)


def mutes_of(judgements: Iterable[Judgement], *, look: Look, now: datetime) -> Mutes:
    """Return what keeps people from being told, once it is known how everything stands."""
    under_way = tuple(judgement for judgement in judgements if judgement.after.is_active)
    silent = {server.place for server in look.servers if server.reading is None and not server.is_set}
    told_down = {judgement.alert.target: judgement.rule for judgement in under_way if judgement.rule.condition == DOWN}
    down = frozenset(silent | told_down.keys())
    mutes = Mutes(
        now, silences=tuple(silences_at(now)), down=down, is_counting_down=False, under_way=_by_subject(under_way)
    )
    heard = {place for place, rule in told_down.items() if not mutes.why_unheard(rule, target=place)}
    return replace(mutes, is_counting_down=_is_counting_down(look, down=down, heard=heard))


def _is_counting_down(look: Look, *, down: Collection[str], heard: Collection[str]) -> bool:
    """Say whether it is told that there is no server to count on. A replica that is down explains nothing."""
    counting = [server for server in look.servers if server.holds_counters and not server.is_set]
    has_primary = any(
        server.reading is not None and server.reading.role == PRIMARY and server.place not in down
        for server in counting
    )
    return not has_primary and any(server.place in heard for server in counting)


def _by_subject(judgements: Iterable[Judgement]) -> Mapping[tuple[str, str], tuple[Judgement, ...]]:
    found: dict[tuple[str, str], tuple[Judgement, ...]] = {}
    for judgement in judgements:
        subject = _subject(judgement)
        found[subject] = (*found.get(subject, ()), judgement)
    return found


def _subject(judgement: Judgement) -> tuple[str, str]:
    return judgement.rule.condition, judgement.alert.target
