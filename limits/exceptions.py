"""What can go wrong with rate limits."""


class StoreUnavailable(Exception):
    """Redis did not answer in time, or not as it should; nothing was counted and nothing written."""


class PolicyConflict(Exception):
    """Somebody else changed the policy meanwhile; nothing was saved."""


class PolicyInUse(Exception):
    """Code names the policy, so it cannot be deleted; it can be switched off."""
