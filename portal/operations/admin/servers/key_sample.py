"""A sample of keys as a page shows it, and as it travels with the page, so that the next look goes on from there."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from django.core import signing

from portal.operations.inspecting.prefixes import is_counter
from portal.operations.inspecting.sampling import Group, Sample, Stretch
from portal.operations.units import count, share, size

_SALT = "a sample of keys"
_LIFE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """Keys with one prefix: estimated from those that were looked at, unless all were."""

    database: int
    prefix: str
    seen: int
    share: float
    keys: int
    bytes_words: str
    endless_words: str
    types: str
    trouble: str

    @property
    def share_words(self) -> str:
        """How much of all keys of the server they are."""
        return share(self.share)


@dataclass(frozen=True, slots=True)
class ShownSample:
    """A sample of keys; `state` brings it back."""

    words: str
    seen: int
    total: int
    is_complete: bool
    groups: tuple[ShownGroup, ...]
    failures: tuple[str, ...]
    state: str
    databases: int

    @property
    def faults(self) -> tuple[ShownGroup, ...]:
        """Those with something wrong."""
        return tuple(group for group in self.groups if group.trouble)


def shown_sample(sample: Sample, *, place: str) -> ShownSample:
    """Return a sample as a page shows it: the largest groups first."""
    groups = [group for stretch in sample.stretches for group in _shown_groups(stretch, total=sample.total)]
    many = len(sample.stretches) > 1
    failures = [
        f"Database {stretch.database}: {told}" if many else told
        for stretch in sample.stretches
        for told in stretch.failures
    ]
    return ShownSample(
        words=sample_words(sample),
        seen=sample.seen,
        total=sample.total,
        is_complete=sample.is_complete,
        groups=tuple(sorted(groups, key=lambda group: (-group.keys, group.database, group.prefix))),
        failures=tuple(failures),
        state=signing.dumps(asdict(sample), salt=f"{_SALT} {place}", compress=True),
        databases=len(sample.stretches),
    )


def sample_words(sample: Sample) -> str:
    """Return how much was looked at: `Sampled 12,000 of 1,005,000 keys in 0.8 s`."""
    took = f"in {sample.seconds:.1f} s"
    if not sample.seen:
        return "No key was looked at." if any(stretch.failures for stretch in sample.stretches) else "There is no key."
    if sample.is_complete:
        return f"Looked at all {count(sample.seen)} keys {took}."
    return f"Sampled {count(sample.seen)} of {count(sample.total)} keys {took}: what follows is estimated."


def sample_of(state: str, *, place: str) -> Sample | None:
    """Return the sample that a page brought back; None where it is too old, or none of ours."""
    try:
        told = signing.loads(state, salt=f"{_SALT} {place}", max_age=_LIFE_SECONDS)
        stretches = tuple(Stretch(**fields | {"groups": _groups(fields)}) for fields in told["stretches"])
        return Sample(stretches, seconds=told["seconds"])
    except (signing.BadSignature, TypeError, KeyError):
        return None


def _groups(fields: dict[str, list[dict[str, object]]]) -> tuple[Group, ...]:
    return tuple(Group(**group) for group in fields["groups"])  # type: ignore[arg-type]


def _shown_groups(stretch: Stretch, *, total: int) -> Iterator[ShownGroup]:
    for group in stretch.groups:
        keys = round(stretch.total * group.keys / stretch.seen) if stretch.seen else 0
        yield ShownGroup(
            database=stretch.database,
            prefix=group.prefix,
            seen=group.keys,
            share=keys / total if total else 0.0,
            keys=keys,
            bytes_words=size(keys * group.measured_bytes / group.measured) if group.measured else "–",
            endless_words=_endless_words(group),
            types=", ".join(group.types) or "–",
            trouble=_trouble(group),
        )


def _endless_words(group: Group) -> str:
    if not group.judged:
        return "–"
    if group.endless in (0, group.judged):
        return "all" if group.endless else "none"
    return count(group.endless) if group.judged == group.keys else share(group.endless / group.judged)


def _trouble(group: Group) -> str:
    if not group.endless or not is_counter(group.prefix):
        return ""
    many = "1 counter has" if group.endless == 1 else f"{count(group.endless)} counters have"
    return f"{many} no end: whoever is counted there stays refused once the limit is reached."
