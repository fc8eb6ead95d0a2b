"""What an export holds, of which moment, and in how much memory."""

import io
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from limits import services
from limits.core.export import Reader
from limits.core.export_rows import OverrideRow, PolicyRow, RevisionRow, Row
from limits.models import Override, Policy, Revision
from limits.services import exports
from limits.services.exports import write_export
from tests.limits.overriding import SOMEBODY, saved

from .exporting import exported, fill, override_rows

pytestmark = pytest.mark.django_db
COMMITTED = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_it_holds_every_row_and_tells_how_many() -> None:
    fill()
    file, now = io.BytesIO(), timezone.now()
    done = write_export(file, now=now)
    assert (done.policies, done.overrides, done.revisions) == (
        Policy.objects.count(),
        Override.objects.count(),
        Revision.objects.count(),
    )
    assert done.size_bytes == len(file.getvalue())
    file.seek(0)
    reader = Reader(file)
    assert (reader.head.at, reader.head.revision) == (now, Revision.objects.latest("pk").pk)
    assert len(list(reader.rows())) == reader.head.rows


@pytest.mark.parametrize(
    ("model", "row", "otherwise"),
    [
        (Policy, PolicyRow, {"id"}),
        # The kind and the part are in the subject.
        (Override, OverrideRow, {"id", "kind", "part"}),
        (Revision, RevisionRow, {"id"}),
    ],
)
def test_no_column_is_forgotten(model: type, row: type, otherwise: set[str]) -> None:
    fill()
    of_kind = [found for found in Reader(io.BytesIO(exported())).rows() if isinstance(found, row)]
    columns = {field.name for field in model._meta.fields}  # type: ignore[attr-defined]
    assert columns - otherwise <= of_kind[0].to_plain().keys()


def test_users_and_groups_go_by_their_names() -> None:
    fill()
    Override.objects.filter(kind="group").update(subject="group=4711")
    rows = list(Reader(io.BytesIO(exported())).rows())
    names = {row.subject.split("=")[0]: row.name for row in rows if isinstance(row, OverrideRow)}
    assert (names["user"], names["group"], names["203.0.113.9"]) == ("jane", "", "")
    assert {row.actor for row in rows if isinstance(row, RevisionRow)} == {"jane", None}


def test_an_id_that_no_user_can_have_is_somebody_gone() -> None:
    for subject in ("user=x", "user=99999999999999999999999", "group=-1"):
        saved(subject)
    rows = Reader(io.BytesIO(exported())).rows()
    assert {row.name for row in rows if isinstance(row, OverrideRow)} == {""}


def test_an_empty_database_makes_an_export_of_no_rows() -> None:
    for rows in (Policy, Override, Revision):
        rows.objects.all().delete()
    assert list(Reader(io.BytesIO(exported())).rows()) == []


def test_progress_is_told_row_by_row() -> None:
    heard: list[tuple[int, int]] = []
    done = write_export(io.BytesIO(), now=timezone.now(), progress=lambda *told: heard.append(told))
    number = done.policies + done.revisions
    assert heard == [(place, number) for place in range(1, number + 1)]


def test_many_overrides_take_little_memory_and_few_queries(
    monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: object
) -> None:
    Override.objects.bulk_create(_unsaved(20_000), batch_size=2_000)

    class Nowhere(io.BytesIO):
        def write(self, data: object) -> int:
            return len(data)  # type: ignore[arg-type]

    tracemalloc.start()
    try:
        with django_assert_max_num_queries(30):  # type: ignore[operator]
            assert write_export(Nowhere(), now=timezone.now()).overrides == 20_000
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 16 << 20


def count(rows: list[Row], kind: type[Row]) -> int:
    return sum(isinstance(row, kind) for row in rows)


def _unsaved(number: int) -> list[Override]:
    rows = override_rows(number)
    for row in rows:
        row.saved_by, row.saved_at = "somebody", row.since
    return rows


@COMMITTED
def test_it_is_of_one_moment_though_others_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between policies and overrides somebody else saves one: the export knows nothing of it, and nobody waits."""
    read = exports._override_rows
    before = Override.objects.count(), Revision.objects.count()

    def save() -> None:
        saved("10.0.0.0/8")
        connection.close()

    def read_after_a_write() -> object:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(save).result(timeout=15)
        return read()

    monkeypatch.setattr(exports, "_override_rows", read_after_a_write)
    rows = list(Reader(io.BytesIO(exported())).rows())
    assert (count(rows, OverrideRow), count(rows, RevisionRow)) == before
    assert Override.objects.count() == before[0] + 1
    services.delete_override(Override.objects.get(), actor=SOMEBODY)
