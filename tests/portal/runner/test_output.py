"""What the terminal shows, and that nobody waits for it."""

import datetime
import os
from pathlib import Path

from honcho.printer import Message

from portal.runner.output import PatientPrinter


def line(data: str | bytes) -> Message:
    """Return a line as a process says it."""
    time = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    return Message(type="line", data=data, time=time, name="web", colour=None)


def test_a_line_comes_behind_its_time_and_name(tmp_path: Path) -> None:
    with (tmp_path / "output").open("w") as output:
        PatientPrinter(output).write(line(b"hello\n"))
    assert (tmp_path / "output").read_text() == "03:04:05 web | hello\n"


def test_a_reader_that_sleeps_loses_lines_and_holds_nobody_up() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "w") as output:
        printer = PatientPrinter(output)
        for _ in range(1000):
            printer.write(line("x" * 5000))
        full = os.read(reader.fileno(), 1_000_000)
        assert full.endswith(b"x\n")
        printer.write(line("awake again"))
        assert os.read(reader.fileno(), 1_000_000).endswith(b"awake again\n")
