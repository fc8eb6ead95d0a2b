"""Settings: the portal without our limiter, its home page behind django-ratelimit, every setting at its default.

`BENCH_LOGGING` says what becomes of the exception that each refusal is: off, django (Django's own default), console.
"""

import os

from portal.settings import *  # noqa: F403 - settings build on settings
from portal.settings import LOGGING as PORTALS
from portal.settings import MIDDLEWARE as PORTAL_MIDDLEWARE

MIDDLEWARE = [name for name in PORTAL_MIDDLEWARE if not name.startswith("limits.")]
ROOT_URLCONF = "bench.served.plain_urls"
RATELIMIT_USE_CACHE = "default"
del RATELIMIT_CACHE_PREFIX, RATELIMIT_HASH_ALGORITHM, RATELIMIT_FAIL_OPEN  # noqa: F821 - of the portal's settings
LOGGING = {
    "off": {"version": 1, "loggers": {"django.request": {"level": "CRITICAL"}}},
    "django": {},
    "console": PORTALS,
}[os.environ["BENCH_LOGGING"]]
