"""The model card: what it works out, and what it refuses to hold."""

from datetime import date

import attrs
import pytest

from embedlane.models.card import (
    Dimensions,
    InputLimits,
    Lane,
    Lifecycle,
    ModelCard,
    Normalisation,
    Price,
    Role,
    TaskMechanism,
    TaskScheme,
)
from embedlane.models.names import ModelId

CARD = ModelCard(id="acme:one", lanes=["sync"], dimensions=Dimensions(native=8))
PREFIX = TaskScheme(mechanism=TaskMechanism.PREFIX, document="d: {text}", query="q: {text} ?")


def test_a_card_takes_its_id_and_lanes_as_text():
    """A plugin may write the id and the lanes as plain text."""
    assert CARD.id == ModelId("acme", "one")
    assert CARD.lanes == frozenset({Lane.SYNC})


@pytest.mark.parametrize("lanes", ["sync", ["sync", "bach"], []])
def test_lanes_that_are_no_list_of_lanes_are_refused(lanes):
    """A bare word, an unknown lane and no lane at all are refused."""
    with pytest.raises(ValueError, match=r"Lane|Length"):
        attrs.evolve(CARD, lanes=lanes)


def test_a_fixed_size_is_its_own_smallest_and_largest():
    """Without a choice of sizes only the native one is allowed."""
    sizes = Dimensions(native=384)
    assert [size for size in (383, 384, 385) if sizes.allows(size)] == [384]
    assert str(sizes) == "384"


def test_a_range_allows_its_ends_and_what_lies_between():
    """Both ends of a range are sizes."""
    sizes = Dimensions(native=256, smallest=8, largest=4096)
    assert [size for size in (7, 8, 300, 4096, 4097) if sizes.allows(size)] == [8, 300, 4096]
    assert str(sizes) == "8 to 4096"


@pytest.mark.parametrize(
    "sizes",
    [
        {"native": 0},
        {"native": 8, "smallest": 0},
        {"native": 8, "smallest": 9},
        {"native": 8, "largest": 7},
        {"native": 8, "smallest": 4, "recommended": (4, 2)},
    ],
)
def test_sizes_out_of_order_are_refused(sizes):
    """0 < smallest <= native <= largest, and what is recommended lies within."""
    with pytest.raises(ValueError, match=r"size|native"):
        Dimensions(**sizes)


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(InputLimits)])
def test_a_limit_of_nothing_is_refused(name):
    """A limit is a positive number, or not known."""
    assert getattr(InputLimits(), name) is None
    with pytest.raises(ValueError, match=name):
        InputLimits(**{name: 0})


def test_a_prefix_surrounds_the_text_once():
    """The text goes into the template of its role, and a placeholder within the text stays as it is."""
    assert PREFIX.render("a {text}", Role.DOCUMENT) == "d: a {text}"
    assert PREFIX.render("b", Role.QUERY) == "q: b ?"


def test_a_parameter_leaves_the_text_alone():
    """Where the role is told by a parameter, the text is sent as it is."""
    scheme = TaskScheme(mechanism=TaskMechanism.PARAM, document="DOC", query="QUERY")
    assert scheme.render("a", Role.QUERY) == "a"
    assert scheme.of(Role.QUERY) == "QUERY"
    assert scheme.of(Role.DOCUMENT) == "DOC"


@pytest.mark.parametrize(
    ("mechanism", "document", "query"),
    [
        ("prefix", "no place", "{text}"),
        ("prefix", "{text}", "{text} {text}"),
        ("param", "DOC", ""),
        ("none", "DOC", ""),
    ],
)
def test_a_task_scheme_that_can_not_mean_what_it_says_is_refused(mechanism, document, query):
    """A template holds its place once, a parameter has both values, and no mechanism has none."""
    with pytest.raises(ValueError, match=r"document|query"):
        TaskScheme(mechanism=TaskMechanism(mechanism), document=document, query=query)


def test_cost_is_price_per_million_tokens():
    """A lane's cost is its price for the tokens, and unknown where the price is unknown."""
    price = Price(sync=0.15)
    assert price.cost(Lane.SYNC, 2_000_000) == pytest.approx(0.30)
    assert price.cost(Lane.BATCH, 2_000_000) is None


def test_a_negative_price_is_refused():
    """Nobody pays for being allowed to embed."""
    with pytest.raises(ValueError, match="batch"):
        Price(batch=-0.1)


def test_a_model_retires_on_its_day():
    """The day of retirement is the first on which the model does not answer."""
    life = Lifecycle(retires=date(2026, 1, 14))
    assert not life.retired(date(2026, 1, 13))
    assert life.retired(date(2026, 1, 14))
    assert not Lifecycle().retired(date(9999, 1, 1))


def test_a_retirement_is_near_until_it_has_come():
    """A warning is due from so many days before the day on, and not after it."""
    life = Lifecycle(retires=date(2026, 1, 14))
    assert not life.retires_within(date(2026, 1, 3), 10)
    assert life.retires_within(date(2026, 1, 4), 10)
    assert not life.retires_within(date(2026, 1, 14), 10)
    assert not Lifecycle().retires_within(date(2026, 1, 4), 10)


@pytest.mark.parametrize(
    ("rule", "native", "smaller"),
    [("always", True, True), ("native-only", True, False), ("never", False, False)],
)
def test_normalisation_depends_on_the_size(rule, native, smaller):
    """Each rule says for the native and for a smaller size whether vectors arrive with unit length."""
    card = attrs.evolve(CARD, normalisation=Normalisation(rule))
    assert (card.arrives_normalised(8), card.arrives_normalised(4)) == (native, smaller)


def test_token_estimates_are_rounded_up():
    """A started token counts, and every text has at least one."""
    assert CARD.estimate_tokens(9) == 3
    assert CARD.estimate_tokens(8) == 2
    assert CARD.estimate_tokens(4, texts=3) == 3
