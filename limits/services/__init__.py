"""Every write of the truth: one transaction with its revision, and the word to Redis once it is committed."""

from limits.services.many_overrides import ManySaved, save_overrides
from limits.services.overrides import (
    delete_override,
    end_overrides,
    forget_ended_overrides,
    others_like,
    save_override,
)
from limits.services.policies import (
    POLICY,
    delete_policy,
    described,
    save_policy,
    set_mode,
    set_modes,
    undo_policy,
    undone,
)
from limits.services.revisions import Actor

__all__ = [
    "POLICY",
    "Actor",
    "ManySaved",
    "delete_override",
    "delete_policy",
    "described",
    "end_overrides",
    "forget_ended_overrides",
    "others_like",
    "save_override",
    "save_overrides",
    "save_policy",
    "set_mode",
    "set_modes",
    "undo_policy",
    "undone",
]
