"""What a file of vectors holds: a header that declares their space, and a record for each item."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import attrs

from embedlane.errors import EmbedlaneError, InputError
from embedlane.models.space import Space
from embedlane.text.hashing import content_hash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The name that the header has in a file's own metadata.
KEY = "embedlane"
#: The version of the layout; a file of a later one is refused, for it may mean something else.
VERSION = 1


@attrs.frozen(kw_only=True)
class Header:
    """What a file declares."""

    #: The index that it was made of.
    index: str
    #: Records in it.
    items: int
    #: The space of its vectors.
    space: Space
    #: How the index cuts documents, under the configuration's names.
    settings: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The header as JSON values."""
        space: dict[str, Any] = {**self.space.lines(), "fingerprint": self.space.fingerprint}
        return {
            "version": VERSION,
            "index": self.index,
            "items": self.items,
            "space": space | {"dimensions": self.space.dimensions},
            "settings": dict(self.settings),
        }

    @classmethod
    def from_json(cls, values: Any, place: str) -> Self:
        """Read what `to_json` wrote.

        Args:
            values: JSON values.
            place: The file, for errors.

        Raises:
            InputError: If it is no header of this version, or its space was changed by hand.
        """
        try:
            if values["version"] != VERSION:
                raise InputError(
                    f"{place} has version {values['version']!r} of the layout; this release reads {VERSION}.",
                    "Update embedlane.",
                )
            lines = dict(values["space"])
            fingerprint = lines.pop("fingerprint")
            lines["dimensions"] = str(lines["dimensions"])
            space = Space.parse(json.dumps(lines, separators=(",", ":")))
            header = cls(
                index=str(values["index"]),
                items=int(values["items"]),
                space=space,
                settings=dict(values["settings"]),
            )
        except InputError:
            raise
        except (EmbedlaneError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"The header of {place} can't be read: {error!r}.", "Export it again."
            ) from error
        if space.fingerprint != fingerprint:
            raise InputError(
                f"The space in the header of {place} was changed: it gives {space.fingerprint}, the "
                f"fingerprint beside it says {fingerprint}.",
                "Export it again.",
            )
        return header


@attrs.frozen(kw_only=True, eq=False)
class Record:
    """An item with its vector."""

    #: The item's id.
    id: str
    #: Its text.
    text: str
    #: Its metadata, JSON values only.
    metadata: Mapping[str, object]
    #: What is replaced as a whole when it is added again.
    document: str
    #: The file or stream that it came from.
    source: str
    #: Its vector, of shape (dimensions,); None if it has none.
    vector: NDArray[np.float32] | None

    def to_json(self) -> dict[str, Any]:
        """All but the vector, as JSON values."""
        return {
            "id": self.id,
            "text": self.text,
            "metadata": self.metadata,
            "document": self.document,
            "source": self.source,
            "content_hash": content_hash(self.text),
        }
