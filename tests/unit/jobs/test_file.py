"""The batch file."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedlane.errors import PluginError
from embedlane.jobs.file import write_batch_file
from embedlane.providers.values import BatchLimits, BatchRow


def _encode(rows):
    return " ".join(f"{row.key}:{row.text}" for row in rows).encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(
    texts=st.lists(
        st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=20), max_size=12
    ),
    most=st.none() | st.integers(0, 120),
)
def test_the_file_is_what_it_says(tmp_path, texts, most):
    """Whole lines in order, as many as the size allows, with the digest of exactly those bytes."""
    rows = [BatchRow(str(number), text) for number, text in enumerate(texts)]
    file = write_batch_file(tmp_path / "jobs" / "x.jsonl", rows, _encode, BatchLimits(size=most))
    data = file.path.read_bytes()
    lines = [_encode([row]) + b"\n" for row in rows]
    assert data == b"".join(lines[: file.rows])
    assert (file.size, file.digest) == (len(data), hashlib.sha256(data).hexdigest())
    if most is not None:
        assert file.size <= most
    if file.rows < len(rows):
        assert most is not None
        assert file.size + len(lines[file.rows]) > most
    assert list(file.path.parent.iterdir()) == [file.path]


def test_a_line_break_is_the_plugins_fault(tmp_path):
    """An encoded row with a line break would shift all that follow; no file appears."""
    with pytest.raises(PluginError, match="row a holds a line break"):
        write_batch_file(tmp_path / "x", [BatchRow("a", "b")], lambda _rows: b"{\n}", BatchLimits())
    assert not (tmp_path / "x").exists()


def test_a_file_that_was_not_finished_is_not_there(tmp_path):
    """A failure in the middle leaves the former file as it was, and the next attempt starts anew."""
    path = tmp_path / "x"
    write_batch_file(path, [BatchRow("a", "1")], _encode, BatchLimits())

    def rows():
        yield BatchRow("b", "2")
        raise OSError("cable")

    with pytest.raises(OSError, match="cable"):
        write_batch_file(path, rows(), _encode, BatchLimits())
    assert path.read_bytes() == b"a:1\n"
    write_batch_file(path, [BatchRow("c", "3")], _encode, BatchLimits())
    assert path.read_bytes() == b"c:3\n"
    assert list(tmp_path.iterdir()) == [path]


@given(alone=st.lists(st.booleans(), max_size=12), most=st.integers(1, 4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_rows_share_lines_as_far_as_the_provider_and_their_past_allow(tmp_path, alone, most):
    """Lines hold the rows in order, no more than the limit; a row that was refused before has its own."""
    rows = [BatchRow(str(number), "", number, flag) for number, flag in enumerate(alone)]
    file = write_batch_file(tmp_path / "x", rows, _encode, BatchLimits(texts_per_line=most))
    lines = [[rows[int(word[:-1])] for word in line.split()] for line in file.path.read_text().splitlines()]
    assert [row for line in lines for row in line] == rows
    assert file.rows == len(rows)
    for line, following in itertools.zip_longest(lines, lines[1:]):
        assert len(line) <= most
        assert len(line) == 1 or not any(row.alone for row in line)
        if following and not line[-1].alone and not following[0].alone:
            assert len(line) == most


def test_the_size_counts_whole_lines(tmp_path):
    """A line with several rows that does not fit any more is left out with all of them."""
    rows = [BatchRow(str(number), "abc", number) for number in range(5)]
    file = write_batch_file(tmp_path / "x", rows, _encode, BatchLimits(texts_per_line=2, size=25))
    assert file.path.read_bytes() == b"0:abc 1:abc\n2:abc 3:abc\n"
    assert (file.rows, file.size) == (4, 24)
