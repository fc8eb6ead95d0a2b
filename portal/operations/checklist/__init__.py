"""The checklist for production, which checks itself: what each line asks, what was found, and what mends it."""
