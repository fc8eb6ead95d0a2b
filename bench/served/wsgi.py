"""The portal as a WSGI application without our limiter."""

from django.core.wsgi import get_wsgi_application

from portal.front import Front

application = Front(get_wsgi_application())
