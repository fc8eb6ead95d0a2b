"""The settings of a test run, made before Django reads any: a pytest plugin, named in pyproject.toml.

Each process of the run has a state folder of its own, and in it, as `make run` has, a Redis on a Unix socket: an
address at first, a real server once a test asks for one. `TEST_DATABASE=mariadb` runs on a MariaDB of its own.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests import servers

# A busy machine is slow now and then: that is no failure.
hypothesis_settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("tests")

VAR = Path(tempfile.mkdtemp(prefix="portal-test-"))
(VAR / "redis").mkdir()
atexit.register(shutil.rmtree, VAR, ignore_errors=True)

for _name in (
    ".env",
    "REDIS_URL",
    "RATELIMIT_STORAGE_URL",
    "CELERY_BROKER_URL",
    "SITE_URL",
    "DEBUG",
    "EMAIL_URL",
):
    os.environ.pop(_name, None)
os.environ |= {"PORTAL_VAR": str(VAR), "SECRET_KEY": "a key for tests, and for nothing else at all"}

if os.environ.get("TEST_DATABASE") == "mariadb" and "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["DATABASE_URL"] = servers.start_mariadb(VAR / "mariadb").url
elif os.environ.get("TEST_DATABASE") != "mariadb":
    os.environ.pop("DATABASE_URL", None)
