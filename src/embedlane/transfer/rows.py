"""From a row of any file to a record, or to the reason why it is none. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import orjson

from embedlane.text.encodings import storable
from embedlane.text.hashing import content_hash
from embedlane.transfer.records import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: How far from 1 the length of a vector may be that is kept bit by bit: rounding to float32 moves it by less.
_ROUNDING = 1e-6
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class BadRowError(Exception):
    """Why a row is not taken, as a sentence without a capital."""


@attrs.frozen(kw_only=True)
class Fields:
    """Which fields of a row are what; all others become metadata."""

    #: The field that holds the id, a text or a whole number.
    id: str = "id"
    #: The field that holds the text.
    text: str = "text"
    #: The field that holds the vector.
    vector: str = "vector"


#: The fields of our own files, beside which they have some that other files lack.
OWN = Fields()


def own_record(row: Mapping[str, Any], dimensions: int) -> Record:
    """Read a row of one of our own files.

    Raises:
        BadRowError: If it is not as it was written.
    """
    found = _identity(row, OWN)
    metadata = row.get("metadata")
    if isinstance(metadata, str):
        metadata = _parsed(metadata)
    if not isinstance(metadata, Mapping):
        raise BadRowError("its metadata is no object")
    if row.get("content_hash") != content_hash(found["text"]):
        raise BadRowError("its text was changed: the content hash is another")
    document, source = row.get("document"), row.get("source")
    if not isinstance(document, str) or not isinstance(source, str):
        raise BadRowError("it names no document or no source")
    vector = _vector(row, OWN.vector, dimensions)
    return Record(**found, document=document, source=source, metadata=_json(metadata), vector=vector)


def foreign_record(row: Mapping[str, Any], fields: Fields, source: str, dimensions: int) -> Record:
    """Read a row of a file that another program wrote.

    A field ``metadata`` that is an object is taken apart; all fields that are nothing else are metadata, too.

    Raises:
        BadRowError: If it has no id, no text, or a vector that is none of this size.
    """
    found = _identity(row, fields)
    others = {key: row[key] for key in row if key not in {fields.id, fields.text, fields.vector}}
    inner = others.get("metadata")
    if isinstance(inner, Mapping):
        others = {**inner, **{key: value for key, value in others.items() if key != "metadata"}}
    vector = _vector(row, fields.vector, dimensions)
    return Record(**found, document=found["id"], source=source, metadata=_json(others), vector=vector)


def unit(values: object, dimensions: int) -> NDArray[np.float32]:
    """Check that *values* are a vector, and give it unit length; one that has it is kept bit by bit.

    Returns:
        A vector of shape (dimensions,).

    Raises:
        BadRowError: If it has another size, or no direction.
    """
    if not isinstance(values, Sized) or isinstance(values, (str, bytes, Mapping)):
        raise BadRowError("its vector is no list of numbers")
    if len(values) != dimensions:
        raise BadRowError(f"its vector has {len(values)} numbers, not {dimensions}")
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, OverflowError):
        array = np.empty((0, 0))
    if array.ndim != 1 or array.dtype.kind not in "fiu":
        raise BadRowError("its vector is no list of numbers")
    wide = array.astype(np.float64)
    if not np.isfinite(wide).all():
        raise BadRowError("its vector holds NaN or infinity")
    # Divided by the largest number first, so that no square leaves the range of a float.
    peak = np.abs(wide).max(initial=0.0)
    if not peak:
        raise BadRowError("its vector has length zero")
    scaled = wide / peak
    length = np.sqrt(scaled @ scaled)
    if abs(length * peak - 1.0) <= _ROUNDING:
        return wide.astype(np.float32)
    made: NDArray[np.float32] = (scaled / length).astype(np.float32)
    return made


def _identity(row: Mapping[str, Any], fields: Fields) -> dict[str, str]:
    missing = [name for name in (fields.id, fields.text) if name not in row]
    if missing:
        raise BadRowError(f"no field {missing[0]!r}; its fields are {', '.join(map(repr, row)) or 'none'}")
    identity, text = row[fields.id], row[fields.text]
    if isinstance(identity, (int, np.integer)) and not isinstance(identity, bool):
        identity = str(identity)
    for name, value in ((fields.id, identity), (fields.text, text)):
        if not isinstance(value, str) or not value.strip():
            raise BadRowError(f"its {name!r} is {'empty' if isinstance(value, str) else 'no text'}")
        if storable(value) != value:
            raise BadRowError(f"its {name!r} holds a character that can't be kept")
    return {"id": identity, "text": text}


def _vector(row: Mapping[str, Any], field: str, dimensions: int) -> NDArray[np.float32] | None:
    values = row.get(field)
    return None if values is None else unit(values, dimensions)


def _parsed(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _json(metadata: Mapping[Any, Any]) -> dict[str, object]:
    """*metadata* as it will be read again; what JSON does not know, such as a date, as its text."""
    try:
        written = orjson.dumps(dict(metadata), default=str, option=_OPTIONS)
    except (TypeError, ValueError) as error:
        raise BadRowError(f"its metadata can't be JSON: {error}") from None
    if _NUL.search(written):
        raise BadRowError("its metadata holds a NUL character")
    kept: dict[str, object] = orjson.loads(written)
    return kept
