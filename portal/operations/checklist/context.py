"""What every line of the checklist looks at: the site's servers, found and asked once in a run."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Self, TypeVar

import redis
from django.conf import settings

from portal.operations.acl.servers import SiteServer, site_servers
from portal.operations.checklist.asking import CannotAsk, Server, in_a_line
from portal.operations.checklist.places import Found, find
from portal.operations.checklist.values import Verdict, unknown

Looked = TypeVar("Looked")
Judge = Callable[[Server], Verdict]
Check = Callable[["Context"], Iterable[Verdict]]


class Context:
    """The servers of one run. Close it, or use it in a `with`."""

    @cached_property
    def sites(self) -> tuple[SiteServer, ...]:
        """The servers, or sets of them, that the site's addresses name."""
        return site_servers(cache=settings.REDIS, counters=settings.RATELIMIT_STORAGE, broker=settings.BROKER)

    @cached_property
    def found(self) -> tuple[Found, ...]:
        """Of each the servers behind it."""
        return tuple(find(site) for site in self.sites)

    @property
    def servers(self) -> Iterator[Server]:
        """Every server that was found."""
        return (server for found in self.found for server in found.servers)

    def close(self) -> None:
        """Leave no connection behind."""
        if "found" in self.__dict__:
            for server in self.servers:
                server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *told: object) -> None:
        self.close()


def each_server(judge: Judge, *, lost: Callable[[Found], Verdict] | None = None) -> Check:
    """Return the check that judges every server; `lost` judges an address whose servers cannot be found out."""

    def check(context: Context) -> Iterator[Verdict]:
        for found in context.found:
            if found.failure:
                yield replace((lost or cannot_find)(found), place=found.site.place)
            for server in found.servers:
                yield replace(judged(server, judge), place=server.place)

    return check


def cannot_find(found: Found) -> Verdict:
    """Return the verdict on an address whose servers cannot be found out."""
    words = "Which servers there are cannot be found out, for none that the address names answers."
    return unknown(f"{words} {found.failure}")


def each_site(judge: Callable[[Found], Verdict]) -> Check:
    """Return the check that judges each address of the site as a whole."""

    def check(context: Context) -> Iterator[Verdict]:
        for found in context.found:
            yield replace(judged(found, judge), place=found.site.place)

    return check


def judged(looked: Looked, judge: Callable[[Looked], Verdict]) -> Verdict:
    """Return the verdict on something; where that cannot be found, say so: it keeps no other from being judged."""
    try:
        return judge(looked)
    except CannotAsk as error:
        return unknown(str(error))
    except redis.RedisError as error:
        return unknown(f"It could not be asked: {in_a_line(error)}.")
    except Exception as error:
        return unknown(f"It answered what the checklist does not understand ({type(error).__name__}).")
