"""The portal as an ASGI application. It takes the policies in force before its first request.

`make run` serves by WSGI, behind `portal.front`, which refuses what is too large or odd before Django reads it. Nothing
does so here: a proxy in front must bound the size of bodies (1 MiB is enough for every page), for Django writes them to
disk as they come.
"""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

application = get_asgi_application()

from portal.start import start  # noqa: E402 - needs the applications loaded

start()
