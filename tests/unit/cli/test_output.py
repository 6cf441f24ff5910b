"""JSON of every value that commands print."""

import json
from datetime import date, timedelta
from enum import Enum
from pathlib import Path
from types import MappingProxyType

import attrs
import numpy as np
import pytest

from embedlane.cli.output import emit, to_json
from embedlane.models.card import Lane
from embedlane.models.names import ModelId


@attrs.frozen
class _Value:
    shown: int
    _hidden: int = 0


class _Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (_Value(1), {"shown": 1}),
        (Lane.SYNC, "sync"),
        (_Colour.RED, "red"),
        (date(2026, 1, 2), "2026-01-02"),
        (timedelta(minutes=2), 120.0),
        (Path("a/b"), "a/b"),
        (ModelId("local", "hash"), "local:hash"),
        (MappingProxyType({"a": (1, 2)}), {"a": [1, 2]}),
        (frozenset({Lane.SYNC, Lane.BATCH}), ["batch", "sync"]),
        (np.float32(0.5), 0.5),
        ("\udcff", "\udcff"),
    ],
)
def test_everything_that_commands_print_has_a_json_form(value, expected):
    """Values, enums, dates, paths, sets, numbers of numpy and names that are no Unicode are written."""
    assert json.loads(to_json({"value": value})) == {"value": expected}


def test_a_value_of_no_known_kind_is_a_bug():
    """What has no JSON form is not written as its repr."""
    with pytest.raises(TypeError, match="object"):
        to_json(object())


def test_emit_prints_either_json_or_text(capsys):
    """With the flag the renderer is not called; without it nothing else is printed."""
    emit(True, {"a": 1}, lambda _: pytest.fail("rendered"))
    assert json.loads(capsys.readouterr().out) == {"a": 1}
    seen = []
    emit(False, {"a": 1}, seen.append)
    assert seen == [{"a": 1}]
    assert capsys.readouterr().out == ""
