"""Reading lists of clients: a client a line, or a table whose first line names its columns."""

from itertools import islice

import pytest

from limits.core.overrides import OverrideError
from limits.listed.entries import Entry, read_list


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_each_line_is_a_client_by_its_number(ends: str) -> None:
    text = ends.join(["# An attack", "203.0.113.9", "", "  198.51.100.0/24  ", "user=al,ice"])
    assert list(read_list(text)) == [Entry(2, "203.0.113.9"), Entry(4, "198.51.100.0/24"), Entry(5, "user=al,ice")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_names_its_columns_in_the_first_line(delimiter: str) -> None:
    text = "Reason,SUBJECT ,effect\nAn attack,203.0.113.9,denied\n,10.0.0.0/8,\n".replace(",", delimiter)
    assert list(read_list(text)) == [
        Entry(2, "203.0.113.9", {"reason": "An attack", "effect": "denied"}),
        Entry(3, "10.0.0.0/8"),
    ]


def test_lines_of_a_table_are_numbered_as_an_editor_does() -> None:
    text = 'subject,rates\r\n# none\r\n10.0.0.0/8,"600/m\r\n20000/d"\r\n\r\n10.1.0.0/16,5/m\r\n'
    assert [(line.number, line.subject) for line in read_list(text)] == [(3, "10.0.0.0/8"), (6, "10.1.0.0/16")]


def test_a_table_may_have_one_column_and_short_lines() -> None:
    assert list(read_list("subject\n10.0.0.0/8")) == [Entry(2, "10.0.0.0/8")]
    assert list(read_list("subject,reason\n10.0.0.0/8")) == [Entry(2, "10.0.0.0/8")]
    assert list(read_list('"subject","reason"\n"10.0.0.0/8","a, b"')) == [Entry(2, "10.0.0.0/8", {"reason": "a, b"})]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("subject,colour\n10.0.0.0/8,red", "Not “colour”"),
        ("subject,reason,reason\n10.0.0.0/8,a,b", "Not “reason”"),
        ("subject,reason\n10.0.0.0/8,a,b", "Line 2: it has more cells"),
        ('subject,reason\n10.0.0.0/8,"a" b', "Line 2: this is not CSV"),
        ('subject,reason\n10.0.0.0/8,a\n10.1.0.0/16,"a', "Line 3: this is not CSV"),
        ("subject,reason\n10.0.0.0/8," + "x" * 200_000, "Line 2: this is not CSV"),
    ],
)
def test_a_table_that_is_broken_is_told_by_its_line(text: str, words: str) -> None:
    with pytest.raises(OverrideError, match=words):
        list(read_list(text))


@pytest.mark.parametrize("text", ["", " \n\t\n", "# nothing", "subject,reason", "\n# a\nsubject\n"])
def test_a_list_of_nothing_has_no_lines(text: str) -> None:
    assert list(read_list(text)) == []


def test_a_line_of_a_table_is_a_remark_where_its_subject_begins_so() -> None:
    text = "reason,subject\n#4711 abuse,192.0.2.1\n,#192.0.2.2\n , \n# all of them\n"
    assert list(read_list(text)) == [
        Entry(2, "192.0.2.1", {"reason": "#4711 abuse"}),
        Entry(5, "", {"reason": "# all of them"}),
    ]
    assert list(read_list("subject,reason\n# one, two, three\n")) == []


def test_no_more_is_read_than_is_asked_for() -> None:
    for head in ("", "subject\n"):
        lines = read_list(head + "10.0.0.0/8\n" * 3 + '"x" y\n')
        assert [entry.subject for entry in islice(lines, 2)] == ["10.0.0.0/8"] * 2
