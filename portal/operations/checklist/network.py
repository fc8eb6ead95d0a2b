"""From where it can be reached: addresses, protected mode, TLS, firewall."""

import shlex
import ssl
import time
from socket import gethostname

from portal.operations.checklist.access import private_socket
from portal.operations.checklist.asking import Forbidden, Server
from portal.operations.checklist.context import each_server
from portal.operations.checklist.mending import Mending
from portal.operations.checklist.values import Line, Verdict, failed, passed, unknown
from portal.redis_address import is_loopback

_EVERYWHERE = {"*", "-*", "0.0.0.0", "::", "-::", "::*", "-::*"}  # noqa: S104 - looked for, not bound to
CERTIFICATE_DAYS = 14


def _host(server: Server) -> str:
    return server.address.hosts[0][0] if server.address.hosts else ""


# Bind


def _bind(server: Server) -> Verdict:
    if why := private_socket(server):
        return passed(f"This site uses its Unix socket. {why}")
    try:
        addresses = server.listens_on
    except Forbidden as error:
        return unknown(str(error), mend=Mending(server).look_at("bind"))
    if not addresses:
        return _open_socket(server)
    if not _EVERYWHERE & set(addresses):
        return passed(f"It listens on {' '.join(addresses)} alone.")
    wanted = "127.0.0.1 -::1" if server.is_local_socket or is_loopback(_host(server)) else f"127.0.0.1 {_host(server)}"
    mend, advice = Mending(server).configure(bind=wanted)
    return failed(f"It listens on every address of its machine ({' '.join(addresses)}).", mend=mend, advice=advice)


def _open_socket(server: Server) -> Verdict:
    return failed(
        "It listens on no port, but others on its machine may open its Unix socket.",
        mend=(shlex.join(["chmod", "0700", server.address.socket_path]),),
        advice="Write `unixsocketperm 700` where it is started: the next start opens it again.",
    )


# Protected mode


def _protected_mode(server: Server) -> Verdict:
    if why := private_socket(server):
        return passed(f"It is not needed. {why}")
    try:
        mode = server.configuration.get("protected-mode", "")
    except Forbidden as error:
        return unknown(str(error), mend=Mending(server).look_at("protected-mode"))
    if mode == "yes":
        return passed("It is on: without a password nobody but this machine is let in.")
    mend, advice = Mending(server).configure(protected_mode="yes")
    return failed("It is off.", mend=mend, advice=advice)


# TLS


def _tls(server: Server) -> Verdict:
    if server.is_local_socket:
        return passed("It is reached through a Unix socket: nothing leaves this machine.")
    if server.address.kind == "rediss":
        return _certificate(server)
    if is_loopback(_host(server)):
        return passed("It is reached over loopback: nothing leaves this machine.")
    mending = Mending(server)
    folder = "/etc/redis/tls"
    mend, _ = mending.configure(
        tls_cert_file=f"{folder}/redis.crt",
        tls_key_file=f"{folder}/redis.key",
        tls_ca_cert_file=f"{folder}/ca.crt",
        tls_auth_clients="no",
        tls_port="6380",
    )
    return failed(
        "Passwords and data go over the network in clear.",
        mend=mend,
        advice=f"First put a certificate for {_host(server)}, its key, and the certificate of who signed it into "
        f"{folder} on the server. Then write rediss://…:6380 into the settings, restart the site, and close the plain "
        "port: CONFIG SET port 0.",
    )


def _certificate(server: Server) -> Verdict:
    version, certificate = server.certificate()
    if until := certificate.get("notAfter"):
        days = (ssl.cert_time_to_seconds(until) - time.time()) / 86_400
        if days < CERTIFICATE_DAYS:
            return failed(
                f"The certificate ends in {max(0, days):.0f} days, on {until}.",
                mend=Mending(server).commands(("CONFIG", "SET", "tls-cert-file", "/etc/redis/tls/redis.crt")),
                advice="Put a new certificate into the file that tls-cert-file names; the command has it read again.",
            )
        plain = _plain_port(server)
        return plain or passed(f"{version}; the certificate holds for {days:.0f} days more.")
    return passed(f"{version}.")


def _plain_port(server: Server) -> Verdict | None:
    try:
        port, addresses = server.configuration.get("port", "0"), server.listens_on
    except Forbidden:
        return None
    if port == "0" or all(is_loopback(address.lstrip("-")) for address in addresses):
        return None
    mend, advice = Mending(server).configure(port="0")
    return failed(f"TLS is used, but port {port} is open without it.", mend=mend, advice=advice)


# Firewall


def _firewall(server: Server) -> Verdict:
    try:
        addresses = server.listens_on
    except Forbidden:
        addresses = ["*"]
        if private_socket(server):
            return passed(
                "This site uses a Unix socket of its own; whether there is a port beside it may not be asked."
            )
    if all(is_loopback(address.lstrip("-")) for address in addresses):
        return passed("It needs none: it listens on no address that others reach.")
    host = gethostname() if is_loopback(_host(server) or "localhost") else _host(server)
    port = server.address.hosts[0][1] if server.address.hosts else int(server.configuration["port"])
    return unknown(
        "From inside it cannot be seen whether others get through.",
        mend=(shlex.join(["nc", "-vz", "-w", "3", host, str(port)]),),
        advice="Run it on a machine that has no business there: it must fail. If it connects, run on the machine of "
        f"Redis, for each web server and worker: `ufw allow from ADDRESS to any port {port} proto tcp`, and then "
        f"`ufw deny {port}/tcp`.",
    )


LINES = (
    Line(
        "bind",
        "Network",
        "It listens where it must, and nowhere else",
        "What listens on every address is reached from every network that the machine is ever put into.",
        each_server(_bind),
    ),
    Line(
        "protected-mode",
        "Network",
        "Protected mode is on",
        "It is the last guard: should the password get lost from the configuration, nobody but the machine itself is "
        "let in.",
        each_server(_protected_mode),
    ),
    Line(
        "tls",
        "Network",
        "What leaves the machine is encrypted",
        "Redis sends passwords, sessions and mails as they are. Whoever listens in between has them.",
        each_server(_tls),
    ),
    Line(
        "firewall",
        "Network",
        "A firewall lets nobody else through",
        "A mistake in one configuration file should not be all that stands between Redis and the rest of the world.",
        each_server(_firewall),
    ),
)
