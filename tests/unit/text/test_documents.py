"""The values that readers yield."""

from __future__ import annotations

from embedlane.text.documents import Document, Form, Part, Unreadable


def test_parts_become_a_tuple():
    """A list of parts is taken and frozen; a part is running text without metadata unless it says more."""
    document = Document(id="d", source="d", parts=[Part("p", "x")])
    assert document.parts == (Part("p", "x", Form.PROSE, {}),)


def test_a_report_names_its_place():
    """The line stands after the source, where there is one."""
    assert str(Unreadable(source="a.txt", reason="binary file")) == "a.txt: binary file"
    assert str(Unreadable(source="a.jsonl", reason="not JSON", line=7)) == "a.jsonl:7: not JSON"
