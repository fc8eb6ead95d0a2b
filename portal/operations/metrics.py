"""`/metrics`: what Prometheus scrapes, for this machine alone or for who knows the token."""

from ipaddress import ip_address
from secrets import compare_digest

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from limits import identity
from limits import metrics as limits_metrics
from portal.operations.watching.metrics import Watched

_TOLD_BY_PROXIES = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Tell the metrics of all web processes of this machine, and what the watch found. 403 for others than
    METRICS_TOKEN says."""
    if not _may_scrape(request):
        return HttpResponse("Not for you.\n", status=403, content_type="text/plain")
    accept = request.headers.get("Accept", "")
    text, content_type = limits_metrics.exposition(accept=accept, also=(Watched(),))
    return HttpResponse(text, content_type=content_type)


def _may_scrape(request: HttpRequest) -> bool:
    if token := settings.METRICS_TOKEN:
        return compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode())
    if any(name in request.headers for name in _TOLD_BY_PROXIES) and not _comes_through_our_proxy(request):
        return False
    address = identity.address_of(request)
    return address != identity.UNKNOWN and ip_address(address).is_loopback


def _comes_through_our_proxy(request: HttpRequest) -> bool:
    """Say whether a trusted proxy tells who asks. Whoever stands behind any other would pass for this machine."""
    proxies = settings.LIMITS_TRUSTED_PROXIES
    if not proxies or "X-Forwarded-For" not in request.headers:
        return False
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        # A Unix socket: nobody but a proxy on this machine comes that way.
        return True
    nearest = (address.version == 6 and address.ipv4_mapped) or address
    return any(nearest in network for network in proxies)
