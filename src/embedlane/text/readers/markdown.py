"""Markdown: running text with headings to cut at; the front matter is left out."""

from __future__ import annotations

import re

from embedlane.text.documents import Document, Form, Unreadable
from embedlane.text.encodings import decode
from embedlane.text.readers import plain

# A block between two rules is front matter only if it starts like YAML. A text may also open with a
# thematic break, and then everything down to the next one is content.
_FRONT_MATTER = re.compile(
    r"---[ \t]*\n"
    r"(?:#.*\n)*"
    r"(?:(?:[\w\"'-][^:\n]*:(?:[ \t].*)?\n)(?:.*\n)*?)?"
    r"(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
)


def read(data: bytes, source: str) -> Document | Unreadable:
    """Read *data* as Markdown."""
    text = decode(data, source)
    if isinstance(text, Unreadable):
        return text
    return plain.document(source, without_front_matter(text), Form.MARKDOWN)


def without_front_matter(text: str) -> str:
    """*text* after the YAML block at its start, if there is one."""
    block = _FRONT_MATTER.match(text)
    return text[block.end() :] if block else text
