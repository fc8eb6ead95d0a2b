"""Who gets in: passwords, the default user, dangerous commands."""

import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import redis

from portal.operations.checklist import dangers
from portal.operations.checklist.asking import Forbidden, Server
from portal.operations.checklist.context import Context, cannot_find, each_server, judged
from portal.operations.checklist.dangers import Danger
from portal.operations.checklist.mending import DEFAULT_FILE, Mending
from portal.operations.checklist.values import Line, Verdict, failed, passed, unknown
from portal.operations.redis_answers import fields_of, text_of

_LEAST = (
    "Better still: a user of its own for the site, with the rights that it needs and no more. `python manage.py "
    "redis_acl` prints it, the addresses to put into the settings, and another user for restores of whole databases, "
    "which need FLUSHDB."
)
_NEW_PASSWORD = (
    f"Then put the password, which is in {DEFAULT_FILE}, into the addresses in the settings (redis://:PASSWORD@…), "
    "restart the site, and delete the file."
)


def private_socket(server: Server) -> str:
    """Say why nobody else can get at a server; '' when it is used by no Unix socket, or others can get in beside it."""
    if not server.is_local_socket or server.has_port:
        return ""
    path = Path(server.address.socket_path)
    try:
        mode, folder = path.stat().st_mode, path.parent.stat().st_mode
    except OSError:
        return ""
    if not mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"Its Unix socket is open to its owner alone (mode {stat.S_IMODE(mode):04o})."
    if not folder & (stat.S_IXGRP | stat.S_IXOTH):
        return f"The folder of its Unix socket is open to its owner alone (mode {stat.S_IMODE(folder):04o})."
    return ""


# Password


def _password(server: Server) -> Verdict:
    if not server.lets_anybody_in:
        return passed("Who gives no password is not let in.")
    if why := private_socket(server):
        return passed(f"It asks for no password. {why}")
    mend, advice = Mending(server).set_default_password()
    return failed(
        "It asks for no password: whoever reaches it may read and change everything, counters too.",
        mend=mend,
        advice=f"{_NEW_PASSWORD} {advice}".rstrip(),
    )


# The default user


def _default_user(server: Server) -> Verdict:
    is_let_in = server.lets_anybody_in
    if is_let_in and (why := private_socket(server)):
        return passed(f"It is who connects, and needs no password. {why}")
    try:
        if "off" in _flags_of_default(server):
            return passed("The default user is off.")
        found = dangers.open_to(server, user="default")
    except (Forbidden, redis.ResponseError):
        if not is_let_in and server.user != "default":
            return _cannot_see_default(server)
        found = _open_to_strangers(server) if is_let_in else dangers.open_to_us(server)
    if is_let_in:
        also = f", and may use {dangers.named(found)}" if found else ""
        return _close_default(server, f"The default user is on, and needs no password{also}.")
    if found:
        return _close_default(server, f"The default user is on, and may use {dangers.named(found)}.")
    return passed("The default user needs a password, and may use no dangerous command.")


def _flags_of_default(server: Server) -> set[str]:
    """Return the flags of ACL GETUSER. Raises Forbidden."""
    told = server.ask_quietly("ACL", "GETUSER", "default")
    return {text_of(flag) for flag in fields_of(told).get("flags", ())}


def _cannot_see_default(server: Server) -> Verdict:
    return unknown(
        "It is off or needs a password. What it may do with one cannot be seen from here: the user that this site "
        "logs in as may not ask for others.",
        mend=Mending(server).commands(("ACL", "GETUSER", "default")),
        advice="Among its flags should be off; else its commands should not be +@all.",
    )


def _open_to_strangers(server: Server) -> tuple[Danger, ...]:
    stranger = server.anonymously()
    try:
        return dangers.open_to_us(stranger)
    finally:
        stranger.close()


def _close_default(server: Server, found: str) -> Verdict:
    mending = Mending(server)
    if server.user != "default":
        mend, advice = mending.set_user("default", "off")
        return failed(found, mend=mend, advice=advice)
    is_open = server.lets_anybody_in
    rules = [danger.rule for danger in dangers.DANGERS]
    mend, advice = mending.set_user_as_new_admin("default", *rules, with_password=is_open)
    told = f"{_NEW_PASSWORD} {advice}" if is_open else advice
    return failed(found, mend=mend, advice=f"{told} {_LEAST}")


# Dangerous commands


def _dangerous(context: Context) -> Iterator[Verdict]:
    """Judge each user that the site logs in as, on each server."""
    for found in context.found:
        if found.failure:
            yield replace(cannot_find(found), place=found.site.place)
        logins = sorted({(address.user, address.password) for _, address in found.site.addresses})
        for server in found.servers:
            for user, password in logins:
                judge = partial(_dangerous_for, user=user, password=password)
                yield replace(judged(server, judge), place=server.place)


def _dangerous_for(server: Server, *, user: str, password: str) -> Verdict:
    if user == server.address.user:
        return _verdict_on(server, server.user, dangers.open_to_us(server))
    try:
        return _verdict_on(server, user or "default", dangers.open_to(server, user=user or "default"))
    except Forbidden:
        # Who may not ask for another user asks as that one.
        address = replace(server.address, user=user, password=password)
        with closing(Server(address, parts=server.parts, role=server.role, kind=server.kind)) as other:
            return _verdict_on(other, other.user, dangers.open_to_us(other))


def _verdict_on(server: Server, user: str, found: tuple[Danger, ...]) -> Verdict:
    if not found:
        return passed(f"Closed for {user}: {dangers.named(dangers.DANGERS)}.")
    words = f"{user}, as whom this site logs in, may use {dangers.named(found)}."
    if not _knows_acl(server):
        return failed(words, advice=_rename(found))
    # Who loses these rights can no longer administer the server: somebody else must be able to.
    mending = Mending(server)
    change = mending.set_user_as_new_admin if user == server.user and mending.is_admin else mending.set_user
    mend, advice = change(user, *(danger.rule for danger in found))
    return failed(words, mend=mend, advice=f"{advice} {_LEAST}".strip())


def _knows_acl(server: Server) -> bool:
    try:
        server.ask("ACL", "WHOAMI")
    except Forbidden as error:
        return not error.is_unknown
    except redis.ResponseError:
        return True
    return True


def _rename(found: tuple[Danger, ...]) -> str:
    names = " ".join(f'`rename-command {danger.name.split()[0]} ""`' for danger in found)
    return f"ACL was renamed or taken out: write into the server's configuration file {names}, and restart it."


LINES = (
    Line(
        "password",
        "Access",
        "A password is asked for",
        "An open Redis is found by scanners within minutes. Whoever gets in can delete every counter, read sessions, "
        "and often run programs on the server.",
        each_server(_password),
    ),
    Line(
        "default-user",
        "Access",
        "The default user is closed",
        "Who connects without a name is the default user. If it may do everything, the users with few rights protect "
        "nothing.",
        each_server(_default_user),
    ),
    Line(
        "dangerous-commands",
        "Access",
        "Dangerous commands are closed for this application",
        "A hole in the site is a hole in Redis: with FLUSHALL all limits start afresh, with CONFIG SET and MODULE LOAD "
        "the machine itself is lost, and KEYS stops everybody for as long as it looks.",
        _dangerous,
    ),
)
