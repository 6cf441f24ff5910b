"""Which facts of a card are vouched for."""

from datetime import date

import attrs
import pytest

from embedlane.models.card import Dimensions, ModelCard, Price, Source
from embedlane.models.sourcing import unknown_facts, unsourced

CARD = ModelCard(
    id="acme:one",
    lanes=["sync"],
    dimensions=Dimensions(native=8, smallest=4),
    price=Price(sync=1.0, batch=0.5),
)


def sourced(*facts):
    return attrs.evolve(CARD, sources=[Source(facts=facts, source="a page", read=date(2026, 1, 1))])


def test_every_stated_fact_needs_a_source():
    """Without sources each field that differs from its default is missing one, the id apart."""
    assert unsourced(CARD) == (
        "lanes",
        "price.sync",
        "price.batch",
        "dimensions.native",
        "dimensions.smallest",
    )


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        (("lanes", "dimensions", "price"), ()),
        (("lanes", "dimensions", "price.sync"), ("price.batch",)),
        (("lanes", "dimensions.native", "price"), ("dimensions.smallest",)),
    ],
)
def test_a_source_vouches_for_a_field_or_a_part_of_it(facts, missing):
    """A source for a field covers all its parts, one for a part only that."""
    assert unsourced(sourced(*facts)) == missing


def test_a_source_may_vouch_for_a_default():
    """That a model takes several inputs as a list is a fact, though it is the default."""
    assert unknown_facts(sourced("multi_input", "limits.tokens_per_input")) == ()


@pytest.mark.parametrize("fact", ["prize", "price.sink", "lanes.sync", "revision.x"])
def test_a_source_for_no_field_is_found(fact):
    """A misspelt path vouches for nothing."""
    assert unknown_facts(sourced(fact)) == (fact,)
