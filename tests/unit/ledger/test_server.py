"""Addresses of servers: what they show of a password, which is nothing."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedlane.ledger.server import Server


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://user:secret@host:5432/db", "postgresql://user:***@host:5432/db"),
        ("postgresql://user@host/db", "postgresql://user@host/db"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql:///db?host=/tmp&user=a", "postgresql:///db?host=/tmp&user=a"),
        ("postgresql://:secret@host/db", "postgresql://:***@host/db"),
        ("postgresql://user:se/c?r:et@host/db", "postgresql://user:***@host/db"),
        ("postgresql://user:se@cret@host/db", "postgresql://user:***@host/db"),
        ("postgresql://user@tenant:secret@host/db", "postgresql://user:***@host/db"),
        ("postgresql://h/db?password=secret&a=1", "postgresql://h/db?password=***&a=1"),
        ("postgresql://h/db?a=1&sslpassword=secret", "postgresql://h/db?a=1&sslpassword=***"),
    ],
)
def test_a_password_is_not_shown(address, shown):
    """Neither as text nor as a value nor in what holds it, also where it is written wrongly."""
    server = Server(address)
    assert str(server) == shown
    assert repr(server) == f"Server(address={shown!r})"
    assert "secret" not in repr(attrs.make_class("Holder", ["ledger"])(server))


@given(
    password=st.text(st.characters(exclude_characters="\n"), min_size=1), tail=st.sampled_from(["", "/db"])
)
def test_no_part_of_a_password_is_shown(password, tail):
    """Whatever it is made of."""
    assert str(Server(f"postgresql://me:{password}@host{tail}")) == f"postgresql://me:***@host{tail}"
