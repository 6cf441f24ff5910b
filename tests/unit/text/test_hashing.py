"""The content hash."""

from __future__ import annotations

from embedlane.text.hashing import content_hash


def test_the_hash_never_changes():
    """Stored vectors are found by it, so a release must not compute another one."""
    assert content_hash("") == "3345524abf6bbe1809449224b5972c41790b6cf2"
    assert len(content_hash("é")) == 40
    assert content_hash("é") != content_hash("e\u0301")
