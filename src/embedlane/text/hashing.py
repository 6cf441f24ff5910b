"""The content hash: identity of a text, apart from the identity of the item that holds it."""

from __future__ import annotations

import hashlib


def content_hash(text: str) -> str:
    """Name *text* by its content: 40 hexadecimal digits of BLAKE2b with 160 bits (RFC 7693) over its UTF-8.

    Together with a space, whose template surrounds the text, it stands for the exact bytes that are embedded.
    """
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()
