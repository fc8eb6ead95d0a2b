"""`/metrics`: what Prometheus scrapes, for this machine alone or for who knows the token."""

from ipaddress import ip_address
from secrets import compare_digest

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from limits import identity
from limits import metrics as limits_metrics


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Tell the metrics of all web processes of this machine. 403 for others than METRICS_TOKEN says."""
    if not _may_scrape(request):
        return HttpResponse("Not for you.\n", status=403, content_type="text/plain")
    text, content_type = limits_metrics.exposition(accept=request.headers.get("Accept", ""))
    return HttpResponse(text, content_type=content_type)


def _may_scrape(request: HttpRequest) -> bool:
    if token := settings.METRICS_TOKEN:
        return compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode())
    if "X-Forwarded-For" in request.headers and not settings.LIMITS_TRUSTED_PROXIES:
        # A proxy on this machine that nobody told us of: whoever stands behind it would pass for this machine.
        return False
    address = identity.address_of(request)
    return address != identity.UNKNOWN and ip_address(address).is_loopback
