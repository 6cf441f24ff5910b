"""Tables, amounts and times for people."""

from datetime import timedelta

import pytest

from embedlane.cli import tables


def test_a_table_in_a_pipe_is_not_cut_and_not_coloured(capsys):
    """Long ids stay whole on one line, lines end where their text ends, markup is text."""
    long_id = "x" * 500
    tables.table(("ID", "TEXT"), [(long_id, "[bold]no markup[/bold] :smile:"), ("b", "")])
    out = capsys.readouterr().out
    assert f"{long_id}  [bold]no markup[/bold] :smile:\n" in out
    assert "\x1b" not in out
    assert all(line == line.rstrip() for line in out.splitlines())


def test_control_codes_of_a_corpus_do_not_reach_the_terminal(capsys):
    """Escape sequences and line breaks in an id are blanks."""
    tables.pairs([("id", "a\x1b[31mb\nc")])
    assert capsys.readouterr().out == "id  a [31mb c\n"


@pytest.mark.parametrize(
    ("amount", "expected"), [(None, "unknown"), (0.0, "free"), (1.5, "$1.50"), (0.0004, "$0.0004")]
)
def test_dollars(amount, expected):
    """Small amounts keep their digits; what is not known is not zero."""
    assert tables.dollars(amount) == expected


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (None, "unknown"),
        (timedelta(0), "under 1 s"),
        (timedelta(seconds=70), "70 s"),
        (timedelta(minutes=3), "3 min"),
        (timedelta(hours=24), "24 h"),
        (timedelta(days=3), "3 days"),
    ],
)
def test_span(time, expected):
    """Lengths of time are rough."""
    assert tables.span(time) == expected


def test_moment():
    """Times of the ledger are shown in UTC; one that has not come is empty."""
    assert tables.moment(0.0) == "1970-01-01 00:00:00 UTC"
    assert tables.moment(None) == ""


def test_shortened():
    """A snippet is one line within its width, and marked where it was cut."""
    assert tables.shortened("a\n\n b", 10) == "a b"
    assert tables.shortened("word " * 20, 12) == "word word w…"


def test_counted():
    """One has no plural."""
    assert tables.counted(1, "row") == "1 row"
    assert tables.counted(1200, "row") == "1,200 rows"
