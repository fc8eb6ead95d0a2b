"""Reachable, and how fast."""

from portal.operations.checklist.asking import Away, Server
from portal.operations.checklist.context import each_server
from portal.operations.checklist.mending import Mending
from portal.operations.checklist.places import Found
from portal.operations.checklist.values import Line, Verdict, failed, passed

SLOW_MILLISECONDS = 10.0
"""A request waits for one round trip; 200 ms is when the limiter stops waiting."""


def _reach(server: Server) -> Verdict:
    try:
        middle, longest = server.round_trips_milliseconds()
    except Away as error:
        return failed(
            str(error),
            mend=(Mending(server).cli("PING", user=""),),
            advice="The command tells from this machine whether it is there. See that the server runs, that a firewall "
            "lets this machine in, and that the address, the user and the password in the settings are right.",
        )
    found = f"It answers in {middle:.2f} ms; the longest of ten round trips took {longest:.2f} ms."
    if middle < SLOW_MILLISECONDS:
        return passed(found)
    return failed(
        found,
        mend=(f"timeout 10 {Mending(server).cli(user='')} --latency -i 1",),
        advice="Run it nearer to the web servers, or look what keeps it busy: the command measures it for 10 s, and "
        "SLOWLOG GET names slow commands.",
    )


def _lost(found: Found) -> Verdict:
    asked = (Server(found.site.address.member(*host), parts=frozenset()) for host in found.site.address.hosts)
    return failed(
        f"None that the address names answers. {found.failure}",
        mend=tuple(Mending(server).cli("PING", user="") for server in asked),
        advice="Start them. Each of the commands should answer PONG.",
    )


LINES = (
    Line(
        "reach",
        "Reach",
        "Redis answers, and fast",
        "Every request that is counted waits for one round trip. A server that is away is no limit at all, or one for "
        "everybody, as each policy says.",
        each_server(_reach, lost=_lost),
    ),
)
