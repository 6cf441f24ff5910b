"""What callers of the library give as items, checked and made into documents."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import orjson

from embedlane.errors import UsageError
from embedlane.text.documents import NO_METADATA, Document, Form, Item, Part
from embedlane.text.finding import source_name

#: What `Index.add` takes for an item: an Item, (id, text), or (id, text, metadata).
ItemLike: TypeAlias = Item | tuple[str, str] | tuple[str, str, Mapping[str, object]]


def document_of(item: ItemLike, source: str) -> Document:
    """The document of one item.

    Raises:
        UsageError: If it is no item.
    """
    if isinstance(item, tuple) and len(item) in (2, 3):
        item = Item(*item)
    if not isinstance(item, Item) or not isinstance(item.id, str) or not isinstance(item.text, str):
        raise UsageError(f"{item!r} is not an item.", "Give (id, text), (id, text, metadata) or an Item.")
    if not item.id or not item.text.strip():
        raise UsageError(f"Item {item.id!r} has no {'text' if item.id else 'id'}.", "Leave it out.")
    for text in (item.id, item.text):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UsageError(
                f"Item {item.id!r} holds {text[error.start]!r}, half a character.",
                "Decode its bytes with errors='replace'.",
            ) from None
    metadata = _metadata(item)
    if _holds_nul([item.id, item.text, metadata]):
        raise UsageError(
            f"Item {item.id!r} holds a NUL character, which not every ledger can keep.",
            "Leave it out, or put another in its place: text.replace('\\0', '\\ufffd').",
        )
    part = Part(item.id, item.text, Form.RECORD, metadata)
    return Document(id=item.id, source=source, parts=(part,))


def _metadata(item: Item) -> Mapping[str, object]:
    """The item's metadata as it will be read again."""
    if not item.metadata:
        return NO_METADATA
    try:
        # The standard library's, for orjson makes null of NaN.
        json.dumps(dict(item.metadata), allow_nan=False)
        kept: dict[str, object] = orjson.loads(orjson.dumps(dict(item.metadata)))
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"The metadata of item {item.id!r} is not JSON: {error}.",
            "Use texts, numbers, true, false, None, and lists and dicts of them, under keys that are texts.",
        ) from error
    return kept


def _holds_nul(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_nul(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(map(_holds_nul, value))
    return isinstance(value, str) and "\0" in value


def sources_of(paths: Sequence[str | Path], root: Path) -> list[str]:
    """What pruning looks at: not an empty path, which would be the root."""
    return ["-" if str(path) == "-" else source_name(Path(path), root) for path in paths if str(path)]
