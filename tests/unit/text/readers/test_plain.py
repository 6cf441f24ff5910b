"""Reading plain text."""

from __future__ import annotations

from embedlane.text.documents import Document, Form, Part, Unreadable
from embedlane.text.readers import plain


def test_the_file_is_one_part():
    """The whole text is one part under the file's name."""
    document = plain.read(b"One.\r\nTwo.", "a.txt")
    assert document == Document(id="a.txt", source="a.txt", parts=(Part("a.txt", "One.\nTwo.", Form.PROSE),))


def test_blank_file_has_no_parts():
    """A blank file is a document, so that its former items go, but has no parts."""
    assert plain.read(b" \n\t\n", "a.txt") == Document(id="a.txt", source="a.txt", parts=())


def test_binary_file_is_unreadable():
    """A binary file is reported, not read."""
    assert isinstance(plain.read(b"\x89PNG\r\n\x1a\n", "a.txt"), Unreadable)
