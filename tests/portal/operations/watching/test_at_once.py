"""Many are asked at once, and none waits for another."""

import time
from threading import Event

from portal.operations.watching.at_once import at_once


def test_answers_stand_in_the_order_of_what_was_asked() -> None:
    assert at_once(lambda number: number * 2, [3, 1, 2], seconds=10) == [6, 2, 4]


def test_who_hangs_has_no_answer_and_keeps_no_other_back() -> None:
    over = Event()

    def ask(name: str) -> str:
        if name == "hangs":
            over.wait(60)
        return name

    began = time.monotonic()
    assert at_once(ask, ["hangs", "answers"], seconds=0.2) == [None, "answers"]
    assert time.monotonic() - began < 30
    over.set()


def test_nobody_asked_is_nobody_waited_for() -> None:
    assert at_once(str, [], seconds=10) == []
