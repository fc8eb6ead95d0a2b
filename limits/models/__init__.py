"""The truth: policies, overrides, who changed what, and what came of it. Only `limits.services` writes it."""

from limits.models.live import LiveCounters
from limits.models.overrides import Override, OverridePart
from limits.models.policies import Policy
from limits.models.revisions import Revision
from limits.models.tallies import LastRefusal, Tally

__all__ = ["LastRefusal", "LiveCounters", "Override", "OverridePart", "Policy", "Revision", "Tally"]
