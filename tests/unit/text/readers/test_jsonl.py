"""Reading JSON Lines."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlane.text.documents import Document, Form, Part, Unreadable
from embedlane.text.readers.jsonl import Fields, read_lines


def read(data: bytes, **options):
    return list(read_lines(io.BytesIO(data), "d.jsonl", Fields(), **options))


def test_a_line_is_a_document_with_one_record():
    """Id and text are taken from their fields, all others are metadata."""
    (document,) = read(b'{"id": "a", "text": "Hello", "tags": ["x"], "n": 1}\n')
    part = Part("a", "Hello", Form.RECORD, {"tags": ["x"], "n": 1})
    assert document == Document(id="a", source="d.jsonl", parts=(part,))


def test_ids_may_be_whole_numbers():
    """A number is taken as its decimal digits."""
    assert [document.id for document in read(b'{"id":7,"text":"x"}\n{"id":-1,"text":"y"}')] == ["7", "-1"]


def test_fields_can_be_named():
    """Other names for the fields of id and text can be given; one field may be both."""
    stream = io.BytesIO(b'{"key":"a","body":"x","id":3}')
    (document,) = read_lines(stream, "-", Fields(id="key", text="body"))
    assert document.parts == (Part("a", "x", Form.RECORD, {"id": 3}),)
    (both,) = read_lines(io.BytesIO(b'{"name":"a"}'), "-", Fields(id="name", text="name"))
    assert both.parts == (Part("a", "a", Form.RECORD, {}),)


def test_blank_lines_count_but_are_not_read():
    """Blank lines are skipped; line numbers are those of an editor. Marks and line ends do no harm."""
    found = read(b'\xef\xbb\xbf{"id":1,"text":"a"}\r\n\r\n  \n{"id":2}\n{"id":3,"text":"c"}')
    assert [getattr(each, "line", None) for each in found] == [None, 4, None]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id":1,', "not JSON: unexpected end of data at column 1"),
        (b"{'id':1}", "not JSON: "),
        (b'{"id":1,"text":NaN}', "not JSON: "),
        (b'{"id":1,"text":"a"} x', "not JSON: unexpected content after document at column 21"),
        (b'{"id":1,"text":"\\ud800","z":NaN}', "not JSON: "),
        (b'{"id":1,"text":"a\xff"}', "not UTF-8: byte 0xff at position 18"),
        (b"[1]", "not a JSON object, but a list"),
        (b"null", "not a JSON object, but null"),
        (b'"a"', "not a JSON object, but a text"),
        (b"{}", "no field 'id'; its fields are none"),
        (b'{"text":"a"}', "no field 'id'; its fields are 'text'"),
        (
            b'{"id":1,"a":0,"b":0,"c":0,"d":0,"e":0}',
            "no field 'text'; its fields are 'id', 'a', 'b', 'c', 'd', ...",
        ),
        (b'{"id":null,"text":"a"}', "the id 'id' is null, not a text or a whole number"),
        (b'{"id":true,"text":"a"}', "the id 'id' is true or false, not a text or a whole number"),
        (b'{"id":{},"text":"a"}', "the id 'id' is an object, not a text or a whole number"),
        (
            b'{"id":1.5,"text":"a"}',
            "the id 'id' is not a whole number of at most 64 bits; write it as a text",
        ),
        (b'{"id":" ","text":"a"}', "the id 'id' is empty"),
        (b'{"id":"\\ud800","text":"a"}', "the id 'id' holds a character that can't be kept"),
        (b'{"id":"\\u0000","text":"a"}', "the id 'id' holds a character that can't be kept"),
        (b'{"id":1,"text":null}', "the text 'text' is null, not a text"),
        (b'{"id":1,"text":5}', "the text 'text' is a number, not a text"),
        (b'{"id":1,"text":"\\n"}', "the text 'text' is empty"),
    ],
)
def test_a_bad_line_is_reported_and_the_next_is_read(line, reason):
    """Each way to be wrong has its own sentence with the line number, and harms no other line."""
    first, bad, last = read(b'{"id":1,"text":"a"}\n' + line + b'\n{"id":2,"text":"b"}\n')
    assert isinstance(bad, Unreadable)
    assert bad.line == 2
    assert bad.reason.startswith(reason)
    assert (first.id, last.id) == ("1", "2")


def test_characters_that_cannot_be_kept_are_replaced():
    """Lone surrogates and NUL become U+FFFD in texts and metadata; whole pairs stay."""
    row = {"id": 1, "text": "a\ud800b\0c😀", "k\0": [{"x": "\udc00", "n": 1}]}
    (document,) = read(json.dumps(row).encode())
    assert document.parts[0].text == "a\ufffdb\ufffdc😀"
    assert document.parts[0].metadata == {"k\ufffd": [{"x": "\ufffd", "n": 1}]}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ('{"id":1,"text":"a"}\n'.encode("utf-16"), "the byte order mark says UTF-16"),
        (b"\x1f\x8b\x08\0\n\n\n", "binary file (gzip); not JSON Lines"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_reported_once(data, reason):
    """Not one report for each line of a file that is no JSON Lines at all."""
    (answer,) = read(data)
    assert reason in answer.reason
    assert answer.line is None


def test_an_endless_line_is_skipped():
    """A line over the cap is reported without being held, and the next one is read."""
    long = json.dumps({"id": 1, "text": "x" * 3_000_000}).encode()
    bad, good = read(long + b'\n{"id":2,"text":"b"}', max_line=1000)
    assert str(bad) == "d.jsonl:1: the line is longer than 1000 bytes"
    assert good.id == "2"


@given(
    st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1), st.dictionaries(st.text(), st.integers())))
)
def test_reads_what_json_writes(rows):
    """Every object comes back as a document, or as one report under its line's number."""
    data = b"".join(json.dumps({**rest, "id": i, "text": t}).encode() + b"\n" for i, t, rest in rows)
    found = read(data)
    assert len(found) == len(rows)
    for number, (each, (identity, text, _)) in enumerate(zip(found, rows, strict=True), 1):
        if isinstance(each, Document):
            assert each.id == identity
            assert each.parts[0].text == text.replace("\0", "\ufffd")
        else:
            assert each.line == number
