"""The portal's settings, and a task whose end a test decides."""

from portal.settings import *  # noqa: F403

CELERY_IMPORTS = ["tests.portal.runner.long_task"]
