"""Connections: how many are left, and whether any were turned away."""

from portal.operations.watching.alerts.conditions.condition import Condition, Found, a_minute, no_data, of_servers
from portal.operations.watching.readings import Reading, ServerLook


def _share(server: ServerLook, reading: Reading) -> Found:
    if not reading.clients_max:
        return no_data("It does not tell how many clients it takes.")
    share = 100 * reading.clients / reading.clients_max
    return Found(share, f"{reading.clients:,} of {reading.clients_max:,} clients are connected.")


def _rejected(server: ServerLook, reading: Reading) -> Found:
    change = server.change
    number, seconds = (change.rejected_connections, change.seconds) if change else (0, 0.0)
    return a_minute(number, seconds=seconds, what="connections were rejected")


CONDITIONS = (
    Condition(
        key="clients_share",
        title="Clients connected",
        compares="connected_clients as a share of maxclients.",
        headline="Redis {target} is running out of connections",
        meaning="When none is left, processes that connect anew cannot count.",
        advice="See who is connected (CLIENT LIST): idle clients of something else? Or raise maxclients.",
        find=of_servers(_share),
        unit="%",
    ),
    Condition(
        key="rejected_connections",
        title="Rejected connections",
        compares="Connections a minute that were turned away because maxclients was reached (rejected_connections).",
        headline="Redis {target} turns connections away",
        meaning="Processes that cannot connect cannot count: limits may not hold there.",
        advice="See who is connected (CLIENT LIST): idle clients of something else? Or raise maxclients.",
        find=of_servers(_rejected),
        unit="a minute",
    ),
)
