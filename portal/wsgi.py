"""The portal as a WSGI application. It takes the policies in force before its first request."""

import os

from django.core.wsgi import get_wsgi_application

from portal.front import Front

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

application = Front(get_wsgi_application())

from portal.start import start  # noqa: E402 - needs the applications loaded

start()
