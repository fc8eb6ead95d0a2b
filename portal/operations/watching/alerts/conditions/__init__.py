"""Everything that a rule may compare, by its key."""

from collections.abc import Mapping
from types import MappingProxyType

from portal.operations.watching.alerts.conditions import (
    connections,
    limiting,
    memory,
    persistence,
    reach,
    replication,
    site,
)
from portal.operations.watching.alerts.conditions.condition import Condition

_ROOMS = (reach, memory, limiting, connections, replication, persistence, site)

CONDITIONS: Mapping[str, Condition] = MappingProxyType(
    {condition.key: condition for room in _ROOMS for condition in room.CONDITIONS}
)
