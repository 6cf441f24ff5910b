"""Plain text: the whole file is running text."""

from __future__ import annotations

from embedlane.text.documents import NO_METADATA, Document, Form, Metadata, Part, Unreadable
from embedlane.text.encodings import decode


def read(data: bytes, source: str) -> Document | Unreadable:
    """Read *data* as running text."""
    text = decode(data, source)
    return text if isinstance(text, Unreadable) else document(source, text, Form.PROSE)


def document(source: str, text: str, form: Form, metadata: Metadata = NO_METADATA) -> Document:
    """The document with *text* as its only part, or with none if *text* is blank."""
    parts = (Part(source, text, form, metadata),) if text.strip() else ()
    return Document(id=source, source=source, parts=parts)
