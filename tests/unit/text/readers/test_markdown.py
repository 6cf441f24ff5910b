"""Reading Markdown."""

from __future__ import annotations

import pytest

from embedlane.text.documents import Form, Unreadable
from embedlane.text.readers import markdown


def test_is_cut_as_markdown():
    """The text is kept as it is, with the form that lets it be cut at headings."""
    (part,) = markdown.read(b"# Head\n\nBody\n", "a.md").parts
    assert (part.id, part.text, part.form) == ("a.md", "# Head\n\nBody\n", Form.MARKDOWN)


@pytest.mark.parametrize(
    "text",
    [
        "---\ntitle: x\ntags:\n  - a\n---\nBody",
        "---\n# comment\n'quoted key': v\n...\nBody",
        "---\n---\nBody",
        "---  \nempty:\n---\t\nBody",
    ],
)
def test_front_matter_is_left_out(text):
    """A YAML block at the start is no text."""
    assert markdown.without_front_matter(text) == "Body"


@pytest.mark.parametrize(
    "text",
    [
        "---\n\nText after a thematic break.\n\n---\nMore",
        "---\nplain words\n---\nMore",
        "---\ntitle: never closed\n",
        "----\na: b\n---\n",
        "Text\n---\na: b\n---\n",
    ],
)
def test_thematic_breaks_are_kept(text):
    """A text that merely begins with a rule loses nothing."""
    assert markdown.without_front_matter(text) == text


def test_only_front_matter_is_a_document_without_parts():
    """Nothing is left to index."""
    assert markdown.read(b"---\ntitle: x\n---\n\n", "a.md").parts == ()


def test_binary_file_is_unreadable():
    """A binary file is reported, not read."""
    assert isinstance(markdown.read(b"%PDF-1.4", "a.md"), Unreadable)
