"""Filters, against a plain evaluation in Python."""

from __future__ import annotations

import operator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from embedlane.errors import UsageError
from embedlane.indexes.filters import Condition, conditions
from embedlane.indexes.items import DocumentItems, ItemBook
from embedlane.ledger.schema import items
from embedlane.text.documents import Item

_SIGNS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_KEYS = ["a", "a b", "é", "a.b", '"', "\\", "'", "$", "$.a", "[0]", "", "ключ", 'x"y', "\t", "%", "a\\u0062"]


def _meets(metadata, key, sign, values):
    """What a condition means: same kind, and the comparison holds for one of the values."""
    if key not in metadata:
        return False
    found = metadata[key]
    return any(_kind(found) == _kind(value) is not None and _SIGNS[sign](found, value) for value in values)


def _kind(value):
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return "text" if isinstance(value, str) else None


_near = [2**53 - 1, 2**53, 2**53 + 1, 2**62 - 1, 2**62 + 1024, 2**62 + 1025, 2**63 - 1025]
_numbers = (
    st.integers(-(2**63), 2**63 - 1)
    | st.integers(-3, 3)
    | st.integers(-99, 99).map(lambda n: n / 8)
    | st.sampled_from([sign * kind(n) for n in _near for sign in (1, -1) for kind in (int, float)])
    | st.sampled_from([0.1, 0.1 + 0.2, 0.3, 1e300, -1e300, 1e-300, 1e22])
)
_texts = st.sampled_from(["", "a", "A", "b", "é", "1", "true", "null", "%", "a'b", 'a"b'])
_scalars = st.booleans() | _numbers | _texts
_values = _scalars | st.none() | st.lists(_scalars, max_size=2) | st.fixed_dictionaries({"a": _scalars})
_metadata = st.dictionaries(st.sampled_from(_KEYS), _values, max_size=4)
_wanted = st.tuples(
    st.sampled_from(_KEYS), st.sampled_from(list(_SIGNS)), st.lists(_scalars, min_size=1, max_size=1)
)
_any_of = st.tuples(st.sampled_from(_KEYS), st.just("in"), st.lists(_scalars, max_size=3))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(rows=st.lists(_metadata, max_size=5), wanted=st.lists(_wanted | _any_of, min_size=1, max_size=2))
def test_conditions_mean_what_python_says(ledger, record, rows, wanted):
    """Every sign, on texts, numbers, truth values, missing keys, other kinds, null and odd keys."""
    made = [Condition(key, sign, tuple(values)) for key, sign, values in wanted]
    with ledger.write() as connection:
        nested = connection.begin_nested()
        members = tuple(Item(str(number), "t", metadata) for number, metadata in enumerate(rows))
        ItemBook(record.id).put(connection, [DocumentItems(document="d", source="s", items=members)], 0)
        found = connection.scalars(select(items.c.item).where(*(condition.clause() for condition in made)))
        assert set(found) == {
            str(number)
            for number, metadata in enumerate(rows)
            if all(_meets(metadata, k, "=" if sign == "in" else sign, v) for k, sign, v in wanted)
        }
        nested.rollback()


@pytest.fixture
def record(create):
    """An index."""
    return create()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lang=en", ("lang", "=", ("en",))),
        (" year >= 2020 ", ("year", ">=", (2020,))),
        ("year<2.5", ("year", "<", (2.5,))),
        ("a!=b", ("a", "!=", ("b",))),
        ("done=true", ("done", "=", (True,))),
        ('id="007"', ("id", "=", ("007",))),
        ("id=007", ("id", "=", ("007",))),
        ("x=null", ("x", "=", ("null",))),
        ("x=[1]", ("x", "=", ("[1]",))),
        ("kind in a, b,3", ("kind", "in", ("a", "b", 3))),
        ("a=b=c", ("a", "=", ("b=c",))),
        ("a.b=é", ("a.b", "=", ("é",))),
        ("text=two\nlines", ("text", "=", ("two\nlines",))),
    ],
)
def test_conditions_are_read_from_text(text, expected):
    """Numbers, truth values and quoted texts are JSON; everything else is text."""
    assert conditions([text]) == (Condition(*expected),)


@pytest.mark.parametrize("text", ["", "lang", "=en", "lang=", "lang = ", "a b=c", "kind in ", "in a"])
def test_what_is_no_condition_is_refused(text):
    """The hint shows how to write one."""
    with pytest.raises(UsageError, match="is not a condition") as caught:
        conditions([text])
    assert "key>=value" in caught.value.hint


def test_conditions_are_read_from_a_mapping():
    """A value is equality, a collection is one of several, a mapping is signs."""
    found = conditions({"lang": "en", "kind": ["a", "b"], "none": (), "year": {">=": 2020, "<": 2024}})
    assert found == (
        Condition("lang", "=", ("en",)),
        Condition("kind", "in", ("a", "b")),
        Condition("none", "in", ()),
        Condition("year", ">=", (2020,)),
        Condition("year", "<", (2024,)),
    )
    assert conditions({"kind": {"a"}}) == (Condition("kind", "in", ("a",)),)
    assert conditions(None) == conditions({}) == ()


@pytest.mark.parametrize(
    "value", [None, b"x", object(), float("nan"), float("inf"), 2**63, [None], [[1]], {"=": None}]
)
def test_a_value_that_nothing_can_equal_is_refused(value):
    """It is told before the ledger is asked."""
    with pytest.raises(UsageError, match="'key' can't be compared with"):
        conditions({"key": value})


def test_a_number_too_large_for_the_ledger_is_refused():
    """In text, too."""
    with pytest.raises(UsageError, match="can't be compared with"):
        conditions(["n=9223372036854775808"])


def test_an_unknown_sign_is_refused():
    """The hint lists those there are."""
    with pytest.raises(UsageError, match="'~' compares nothing") as caught:
        conditions({"a": {"~": 1}})
    assert "= != < <= > >=" in caught.value.hint
