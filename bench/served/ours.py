"""Settings: the portal as it is, and a page beside that costs next to nothing."""

from portal.settings import *  # noqa: F403 - settings build on settings

ROOT_URLCONF = "bench.served.urls"
