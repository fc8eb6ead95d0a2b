"""The names of the site's addresses, as `reverse` takes them and `resolve` gives them: `admin:index`."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from django.urls import URLPattern, URLResolver, get_resolver, get_urlconf


def url_names() -> tuple[str, ...]:
    """Return every name in the site's URLs, with the namespaces that it is in, sorted."""
    return _url_names(get_urlconf())


@lru_cache(maxsize=4)
def _url_names(urlconf: str | None) -> tuple[str, ...]:
    return tuple(sorted(set(_names(get_resolver(urlconf).url_patterns, within=()))))


def _names(patterns: Iterable[URLPattern | URLResolver], *, within: tuple[str, ...]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            deeper = (*within, pattern.namespace) if pattern.namespace else within
            yield from _names(pattern.url_patterns, within=deeper)
        elif pattern.name:
            yield ":".join((*within, pattern.name))
