"""The set that a server belongs to: whether its Sentinels can act, or how a Cluster's slots are served."""

from dataclasses import dataclass, replace

import redis

from portal.operations.inspecting.addresses import addresses_of
from portal.operations.inspecting.asking import NoAnswer, Part, Session, part, session_with
from portal.operations.printable import printable
from portal.operations.redis_answers import text_of
from portal.redis_address import RedisAddress

SLOTS = 16_384
_SENTINELS_SECONDS = 0.6


@dataclass(frozen=True, slots=True)
class Primary:
    """A Cluster's primary, and how many slots it serves."""

    place: str
    slots: int
    replicas: int


@dataclass(frozen=True, slots=True)
class SetLook:
    """How it stands with a set, in words; of a Cluster its primaries, too."""

    kind: str
    words: str
    is_well: bool
    primaries: tuple[Primary, ...] = ()

    @property
    def unserved(self) -> int:
        """How many slots of a Cluster nobody serves."""
        return max(0, SLOTS - sum(primary.slots for primary in self.primaries)) if self.primaries else 0


def ask_set(session: Session, *, source: str) -> Part[SetLook] | None:
    """Return how it stands with the set of a server; None for a server by itself."""
    for _, address in addresses_of(source):
        if address.is_cluster:
            return part(session, _cluster)
        if address.is_sentinel:
            return _sentinels(address)
    return None


def _cluster(session: Session) -> SetLook:
    lines = session.ask("CLUSTER", "INFO").decode(errors="replace").splitlines()
    told = {name: value for name, _, value in (line.partition(":") for line in lines)}
    state = printable(told.get("cluster_state", "unknown"), keeps="")
    return SetLook("Cluster", f"Its state is {state}.", is_well=state == "ok", primaries=_primaries(session))


def _primaries(session: Session) -> tuple[Primary, ...]:
    """CLUSTER SLOTS: each [first, last, [host, port, …], replicas…]."""
    found: dict[str, Primary] = {}
    for first, last, (host, port, *_), *replicas in session.ask("CLUSTER", "SLOTS"):
        name = (host or b"").decode(errors="backslashreplace")
        place = printable(f"[{name}]:{port}" if ":" in name else f"{name}:{port}", keeps="")
        before = found.get(place, Primary(place, slots=0, replicas=len(replicas)))
        found[place] = replace(before, slots=before.slots + last - first + 1)
    return tuple(found[place] for place in sorted(found))


def _sentinels(address: RedisAddress) -> Part[SetLook]:
    """Ask the first Sentinel that answers."""
    failures = []
    for host in address.hosts:
        asked = address.member(*host)
        try:
            with session_with(asked, seconds=_SENTINELS_SECONDS) as session:
                return part(session, lambda session: _quorum(session, address.service))
        except NoAnswer as error:
            failures.append(f"{host[0]}:{host[1]}: {error}")
            if "within" in str(error):
                break
    return Part(failure=" ".join(failures))


def _quorum(session: Session, service: str) -> SetLook:
    """What the Sentinel says itself: redis-py reads its answer wrongly."""
    (answer,) = session.ask_all([("SENTINEL", "CKQUORUM", service)])
    is_well = not isinstance(answer, redis.ResponseError)
    return SetLook("Sentinel", printable(text_of(answer), keeps="")[:300], is_well=is_well)
