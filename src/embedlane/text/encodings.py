"""From bytes to text: which encoding a file is in, and whether it is text at all."""

from __future__ import annotations

import codecs
import re

from embedlane.text.documents import Unreadable

#: Bytes at the start of a file that are searched for signs of a binary file.
_HEAD = 1024
#: Bytes that the detection looks at; it reads its sample many times over.
_SAMPLE = 1 << 20

# The mark of UTF-16 is the head of the mark of UTF-32, so the longer ones come first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)

_KINDS = (
    (b"%PDF-", "PDF"),
    (b"PK\x03\x04", "ZIP archive or office document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office document"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"\x89PNG\r\n\x1a\n", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF87a", "GIF image"),
    (b"GIF89a", "GIF image"),
    (b"\x7fELF", "ELF program"),
    (b"SQLite format 3\x00", "SQLite database"),
    (b"PAR1", "Parquet"),
)

#: The commonest encoding besides UTF-8, and what a web browser falls back on.
_COMMONEST = "cp1252"

#: What stands for a character that can't be kept.
REPLACEMENT = "\ufffd"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def decode(data: bytes, source: str, *, declared: str | None = None) -> str | Unreadable:
    r"""Decode *data*: by its byte order mark, else as UTF-8, as *declared*, or as it looks.

    Line ends become ``\n`` and NUL characters U+FFFD, see `storable`.

    Args:
        data: The whole file.
        source: Its name, for the answer when it is no text.
        declared: An encoding that the file names itself; tried before guessing.
    """
    marked = next((codec for mark, codec in _MARKS if data.startswith(mark)), None)
    if marked:
        text = _try(data, marked)
        if text is None:
            return Unreadable(
                source=source, reason=f"not valid {marked}, which its byte order mark announces"
            )
        return _normalise(text)
    kind = binary_kind(data[:_HEAD])
    if kind:
        return Unreadable(source=source, reason=f"{kind}; convert it to text first")
    text = _try(data, "utf-8")
    if text is None and declared:
        text = _try(data, declared)
    if text is None:
        text = _guess(data)
    if text is None:
        return Unreadable(
            source=source, reason="not UTF-8, and no other encoding fits; convert it to UTF-8 first"
        )
    return _normalise(text)


def binary_kind(head: bytes) -> str:
    """Such as ``binary file (PDF)`` for the first bytes of one; empty if they may be text."""
    for magic, name in _KINDS:
        if head.startswith(magic):
            return f"binary file ({name})"
    marked = any(head.startswith(mark) for mark, _ in _MARKS)
    return "binary file" if b"\0" in head and not marked else ""


def storable(text: str) -> str:
    """Put U+FFFD where a character can't be kept.

    A lone surrogate has no UTF-8 form, so it could be neither hashed nor sent; a NUL character ends a text
    early in some databases and is refused by others.
    """
    return _UNSTORABLE.sub(REPLACEMENT, text)


def _normalise(text: str) -> str:
    return storable(text.replace("\r\n", "\n").replace("\r", "\n"))


def _try(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeError, LookupError):  # LookupError: a file may declare any word, or a codec for bytes
        return None


def _guess(data: bytes) -> str | None:
    import charset_normalizer  # noqa: PLC0415 - most files are UTF-8 and never need it

    # A whole number of lines, because a line end never lies within a character of several bytes.
    sample = data[:_SAMPLE]
    if len(data) > _SAMPLE:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    matches = charset_normalizer.from_bytes(sample)
    best = matches.best()
    if best is None:
        return None
    # Equally good matches come in the order of their names, and the commonest is not the first. Without
    # a trace of a language the answer can be anything; a few high bytes then are accents or quotes.
    equal = {m.encoding for m in matches if (m.chaos, m.coherence) == (best.chaos, best.coherence)}
    unknown = not best.coherence and sum(byte > 127 for byte in sample) * 4 < len(sample)
    text = _try(data, _COMMONEST) if unknown or _COMMONEST in equal else None
    return _try(data, best.encoding) if text is None else text
