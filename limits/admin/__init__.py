"""Rate limits in Django's admin: one file a subject."""

from limits.admin import live, overrides, policies, tallies  # noqa: F401 - registers them
