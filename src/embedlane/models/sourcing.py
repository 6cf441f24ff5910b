"""Which facts of a card are vouched for by its sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedlane.models.card import Card


def unsourced(card: Card) -> tuple[str, ...]:
    """Paths of the facts that *card* states and no source vouches for, such as ``price.batch``.

    A fact is stated where it differs from the field's default. A source for ``price`` vouches for all of
    the price.
    """
    vouched = {fact for source in card.sources for fact in source.facts}
    return tuple(path for path in _stated(card) if not vouched & {path, path.partition(".")[0]})


def unknown_facts(card: Card) -> tuple[str, ...]:
    """Paths that the sources of *card* vouch for although no card has such a field."""
    paths = {fact for source in card.sources for fact in source.facts}
    return tuple(sorted(path for path in paths if not _exists(card, path)))


def _exists(card: Card, path: str) -> bool:
    value: object = card
    for name in path.split("."):
        kind = type(value)
        if not attrs.has(kind) or name not in attrs.fields_dict(kind):
            return False
        value = getattr(value, name)
    return True


def _stated(card: Card) -> Iterator[str]:
    for field in attrs.fields(type(card)):
        value = getattr(card, field.name)
        if field.name in ("id", "sources") or value == field.default:
            continue
        if attrs.has(type(value)):
            yield from (f"{field.name}.{part}" for part in _stated_parts(value))
        else:
            yield field.name


def _stated_parts(value: attrs.AttrsInstance) -> Iterator[str]:
    for field in attrs.fields(type(value)):
        part, default = getattr(value, field.name), field.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # typed as a function
            default = default.factory(value) if default.takes_self else default.factory()
        if part != default:
            yield field.name
