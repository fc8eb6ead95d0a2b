"""The portal as a ASGI application. It takes the policies in force before its first request."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

application = get_asgi_application()

from portal.start import start  # noqa: E402 - needs the applications loaded

start()
