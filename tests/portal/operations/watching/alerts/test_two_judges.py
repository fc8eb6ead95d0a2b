"""Two processes that judge at once: people are told once."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from portal.operations.models import Alert, AlertEvent, Message
from portal.operations.watching.alerts import judging, writing
from tests.portal.operations.watching.alerts.made import at_share, judged, rule

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def at_once(*works: Callable[[], object]) -> None:
    """Do works in threads of their own, each of which has read before any writes."""

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no judge write before all have read."""
    barrier, mutes_of = threading.Barrier(2), judging.mutes_of

    def wait(*args: object, **named: object) -> object:
        barrier.wait(timeout=60)
        return mutes_of(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(judging, "mutes_of", wait)


@pytest.mark.usefixtures("together")
def test_two_judges_at_once_tell_once() -> None:
    rule()
    places = [f"{number}:1" for number in range(5)]
    results: list[judging.Judged] = []
    work = lambda: results.append(judged(*[at_share(95, place) for place in places]))  # noqa: E731
    at_once(work, work)
    assert Message.objects.count() == AlertEvent.objects.filter(what="firing").count() == 5
    assert sum(result.told for result in results) == sum(result.lost for result in results) == 5
    assert set(Alert.objects.values_list("turn", flat=True)) == {1}


def test_a_crash_in_the_middle_leaves_the_start_to_the_next_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    rule()
    with monkeypatch.context() as patch:
        patch.setattr(writing, "queue", lambda *args, **named: 1 / 0)
        with pytest.raises(judging.NotWritten, match="1 of 1 alerts"):
            judged(at_share(95))
    assert (Alert.objects.get().state, Message.objects.count(), AlertEvent.objects.count()) == ("normal", 0, 0)
    judged(at_share(95), at=15)
    assert (Alert.objects.get().state, Message.objects.count(), AlertEvent.objects.count()) == ("firing", 1, 1)
