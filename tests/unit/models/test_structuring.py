"""Making values of tables: what is taken, and where an error points."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import attrs
import pytest

from embedlane.errors import ConfigError
from embedlane.models.names import ModelId
from embedlane.models.structuring import structure


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@attrs.frozen(kw_only=True)
class Part:
    model: ModelId
    colour: Colour = Colour.RED
    count: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.gt(0)))


@attrs.frozen(kw_only=True)
class Whole:
    names: tuple[str, ...] | None = None
    parts: Mapping[str, Part] = attrs.field(factory=dict)
    loose: Mapping[str, dict[str, Any]] = attrs.field(factory=dict)


def refusal(table):
    """The lines of what structure says about *table*, without the owner."""
    with pytest.raises(ConfigError) as caught:
        structure(table, Whole, "x.toml", "Look again.")
    assert caught.value.hint == "Look again."
    return [line.removeprefix("x.toml: ") for line in caught.value.message.splitlines()]


def test_nested_tables_become_values():
    """Tables by name, optional lists, enums and free tables all come through."""
    table = {
        "names": ["a"],
        "parts": {"p": {"model": "acme:one", "colour": "blue", "count": 2}},
        "loose": {"q": {"anything": [1]}},
    }
    assert structure(table, Whole, "x.toml") == Whole(
        names=("a",),
        parts={"p": Part(model=ModelId("acme", "one"), colour=Colour.BLUE, count=2)},
        loose={"q": {"anything": [1]}},
    )
    assert structure({}, Whole, "x.toml") == Whole()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([], ["expected a table, not []."]),
        ({"parts": 3}, ["parts: expected a table, not 3."]),
        ({"parts": {"p": 3}}, ["parts.p: expected a table, not 3."]),
        ({"loose": {"q": 3}}, ["loose.q: expected a table, not 3."]),
        ({"names": "a"}, ["names: expected a list, not 'a'."]),
        ({"parts": {"p": {}}}, ["parts.p.model: this key is missing."]),
        ({"parts": {"p": {"model": "acme"}}}, ["parts.p.model: 'acme' is not a model id."]),
        ({"parts": {"p": {"model": "a:b", "count": 0}}}, ["parts.p: 'count' must be > 0: 0."]),
        ({"parts": {"acme:one": {"model": 3}}}, ['parts."acme:one".model: expected text, not 3.']),
        (
            {"part": {}, "nmes": []},
            ["unknown key 'nmes' (did you mean 'names'?); unknown key 'part' (did you mean 'parts'?)."],
        ),
        (
            {"names": [1], "parts": {"p": {"model": "a:b", "colour": "green"}}},
            ["names[0]: expected text, not 1.", "parts.p.colour: expected one of red, blue, not 'green'."],
        ),
    ],
    ids=str,
)
def test_an_error_points_at_the_key_as_toml_writes_it(table, said):
    """Each fault is one line: the path of the key, what was expected, what was there."""
    assert refusal(table) == said
