"""Asking the conditions, and what their answers say of a rule."""

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from portal.operations.models import AlertRule
from portal.operations.watching.alerts.conditions import CONDITIONS
from portal.operations.watching.alerts.conditions.condition import Condition, Facts, Found, Trouble, no_data
from portal.operations.watching.alerts.states import Verdict

logger = logging.getLogger("portal.watching")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one condition found, by target; or in a sentence why it could not be asked."""

    condition: Condition | None
    found: Mapping[str, Found]
    failure: str = ""

    def at(self, target: str) -> Found | None:
        """Return what was found at a target; None: the condition is not about it."""
        return Found(None, self.failure, trouble=Trouble.ERROR) if self.failure else self.found.get(target)


def ask(keys: Iterable[str], *, facts: Facts, conditions: Mapping[str, Condition] = CONDITIONS) -> dict[str, Answer]:
    """Return what each condition found. One that fails is logged, and costs the others nothing."""
    return {key: _ask(key, condition=conditions.get(key), facts=facts) for key in dict.fromkeys(keys)}


def _ask(key: str, *, condition: Condition | None, facts: Facts) -> Answer:
    if condition is None:
        return Answer(None, found={}, failure=f"There is no condition “{key}”: choose another for this rule.")
    try:
        found = {finding.target: _finite(finding.found) for finding in condition.find(facts)}
    except Exception as error:
        logger.exception("The condition “%s” could not be judged.", key)
        return Answer(condition, found={}, failure=f"It failed: {type(error).__name__}. The log has more.")
    return Answer(condition, found=found)


def _finite(found: Found) -> Found:
    """Return what was found; no data where a server told what is no number."""
    return found if found.value is None or math.isfinite(found.value) else no_data(f"It is no number: {found.words}")


def verdict_of(found: Found, *, condition: Condition | None, rule: AlertRule) -> Verdict:
    """Return what was found as a rule sees it."""
    if found.trouble:
        return Verdict(found.trouble.value)
    if condition is None or found.value is None:
        return Verdict.GOOD
    if condition.is_yes_or_no:
        return Verdict.BAD if found.value else Verdict.GOOD
    if condition.is_bad(found.value, threshold=rule.threshold):
        return Verdict.BAD
    is_between = rule.recover_at is not None and condition.is_bad(found.value, threshold=rule.recover_at)
    return Verdict.BETWEEN if is_between else Verdict.GOOD
